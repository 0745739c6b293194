//! The way between a stored form and the model's type.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::names::{EnvironmentName, TokenId};
use crate::model::oci::{Digest, Reference, Repository};
use crate::model::time::Time;

/// A stored form of something in the model.
pub(in crate::log) trait Form {
    /// The model's type.
    type Model;

    /// The form to write.
    fn of(model: &Self::Model) -> Self;

    /// The model's value of what was read.
    fn into_model(self) -> Self::Model;
}

/// Types that the schema takes as they are: plain values, and the model's names and times, whose bytes are those of a text
/// or a number.
macro_rules! plain {
    ($($type:ty),* $(,)?) => {$(
        impl Form for $type {
            type Model = Self;
            fn of(model: &Self) -> Self {
                Self::clone(model)
            }
            fn into_model(self) -> Self {
                self
            }
        }
    )*};
}

plain!(bool, u16, u64, i64, [u8; 32], String, Arc<str>, BTreeMap<String, String>);
plain!(Time, EnvironmentName, TokenId, Repository, Reference, Digest);

impl<F: Form> Form for Option<F> {
    type Model = Option<F::Model>;
    fn of(model: &Self::Model) -> Self {
        model.as_ref().map(F::of)
    }
    fn into_model(self) -> Self::Model {
        self.map(F::into_model)
    }
}

impl<F: Form> Form for Vec<F> {
    type Model = Vec<F::Model>;
    fn of(model: &Self::Model) -> Self {
        model.iter().map(F::of).collect()
    }
    fn into_model(self) -> Self::Model {
        self.into_iter().map(F::into_model).collect()
    }
}

impl<F: Form> Form for Box<F> {
    type Model = Box<F::Model>;
    fn of(model: &Self::Model) -> Self {
        Self::new(F::of(model))
    }
    fn into_model(self) -> Self::Model {
        Box::new((*self).into_model())
    }
}

/// Declares stored forms, each of the type of that name in a module of the model, with the way there and back. A form has
/// the fields and variants that its model has: the compiler says where one of them changed.
macro_rules! stored {
    () => {};
    (
        struct $module:ident::$name:ident { $($field:ident: $type:ty),* $(,)? }
        $($rest:tt)*
    ) => {
        #[derive(Serialize, Deserialize)]
        pub(in crate::log) struct $name { $($field: $type),* }

        impl Form for $name {
            type Model = $module::$name;
            fn of(model: &Self::Model) -> Self {
                let $module::$name { $($field),* } = model;
                Self { $($field: Form::of($field)),* }
            }
            fn into_model(self) -> Self::Model {
                let Self { $($field),* } = self;
                $module::$name { $($field: $field.into_model()),* }
            }
        }

        stored!($($rest)*);
    };
    (
        enum $module:ident::$name:ident {
            $($variant:ident $(($one:ident: $inner:ty))? $({ $($field:ident: $type:ty),* $(,)? })?),* $(,)?
        }
        $($rest:tt)*
    ) => {
        #[derive(Serialize, Deserialize)]
        pub(in crate::log) enum $name {
            $($variant $(($inner))? $({ $($field: $type),* })?),*
        }

        impl Form for $name {
            type Model = $module::$name;
            fn of(model: &Self::Model) -> Self {
                match model {
                    $($module::$name::$variant $(($one))? $({ $($field),* })? => {
                        Self::$variant $((Form::of($one)))? $({ $($field: Form::of($field)),* })?
                    })*
                }
            }
            fn into_model(self) -> Self::Model {
                match self {
                    $(Self::$variant $(($one))? $({ $($field),* })? => {
                        $module::$name::$variant $(($one.into_model()))? $({ $($field: $field.into_model()),* })?
                    })*
                }
            }
        }

        stored!($($rest)*);
    };
}

pub(super) use stored;
