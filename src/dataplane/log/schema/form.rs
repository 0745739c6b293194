//! The way between a stored form and the model's type.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::model::names::{EnvironmentName, TokenId};
use crate::model::oci::{Digest, Reference, Repository};
use crate::model::report::Reason;
use crate::model::time::Time;

/// A stored form of something in the model.
pub(in crate::log) trait Form {
    /// The model's type.
    type Model;

    /// Writes the model's value in this form, without a copy of it: each observation goes this way.
    fn write<S: Serializer>(model: &Self::Model, serializer: S) -> Result<S::Ok, S::Error>;

    /// The model's value of what was read.
    fn into_model(self) -> Self::Model;
}

/// A value of the model that is written in the form `F`.
pub(in crate::log) struct As<'a, F: Form>(pub(in crate::log) &'a F::Model);

impl<F: Form> Serialize for As<'_, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        F::write(self.0, serializer)
    }
}

/// Types that the schema takes as they are: plain values, and the model's names and times, whose bytes are those of a text
/// or a number.
macro_rules! plain {
    ($($type:ty),* $(,)?) => {$(
        impl Form for $type {
            type Model = Self;
            fn write<S: Serializer>(model: &Self, serializer: S) -> Result<S::Ok, S::Error> {
                model.serialize(serializer)
            }
            fn into_model(self) -> Self {
                self
            }
        }
    )*};
}

plain!(bool, u16, u64, i64, [u8; 16], [u8; 32], String, Arc<str>, BTreeMap<String, String>);
plain!(Time, EnvironmentName, TokenId, Repository, Reference, Digest, Reason);

impl<F: Form> Form for Option<F> {
    type Model = Option<F::Model>;
    fn write<S: Serializer>(model: &Self::Model, serializer: S) -> Result<S::Ok, S::Error> {
        match model {
            Some(model) => serializer.serialize_some(&As::<F>(model)),
            None => serializer.serialize_none(),
        }
    }
    fn into_model(self) -> Self::Model {
        self.map(F::into_model)
    }
}

impl<F: Form> Form for Vec<F> {
    type Model = Vec<F::Model>;
    fn write<S: Serializer>(model: &Self::Model, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(model.iter().map(As::<F>))
    }
    fn into_model(self) -> Self::Model {
        self.into_iter().map(F::into_model).collect()
    }
}

impl<F: Form> Form for Box<F> {
    type Model = Box<F::Model>;
    fn write<S: Serializer>(model: &Self::Model, serializer: S) -> Result<S::Ok, S::Error> {
        F::write(model, serializer)
    }
    fn into_model(self) -> Self::Model {
        Box::new((*self).into_model())
    }
}

/// Declares stored forms, each of the type of that name in a module of the model, with the way there and back. A form has
/// the fields and variants that its model has: the compiler says where one of them changed. Fields of the model after a `;`
/// are stored elsewhere.
macro_rules! stored {
    () => {};
    (@write $serializer:ident, $name:ident, $place:expr, $variant:ident) => {
        $serializer.serialize_unit_variant(stringify!($name), $place, stringify!($variant))
    };
    (@write $serializer:ident, $name:ident, $place:expr, $variant:ident ($one:ident: $inner:ty)) => {
        $serializer.serialize_newtype_variant(
            stringify!($name), $place, stringify!($variant), &As::<$inner>($one),
        )
    };
    (@write $serializer:ident, $name:ident, $place:expr, $variant:ident { $($field:ident: $type:ty),* }) => {{
        let fields = [$(stringify!($field)),*].len();
        let mut form =
            $serializer.serialize_struct_variant(stringify!($name), $place, stringify!($variant), fields)?;
        $(form.serialize_field(stringify!($field), &As::<$type>($field))?;)*
        form.end()
    }};
    (
        struct $module:ident::$name:ident { $($field:ident: $type:ty),* $(,)? $(; $($other:ident),*)? }
        $($rest:tt)*
    ) => {
        #[derive(Deserialize)]
        pub(in crate::log) struct $name { $($field: $type),* }

        impl Form for $name {
            type Model = $module::$name;
            fn write<S: Serializer>(model: &Self::Model, serializer: S) -> Result<S::Ok, S::Error> {
                let $module::$name { $($field,)* $($($other: _),*)? } = model;
                let fields = [$(stringify!($field)),*].len();
                let mut form = serializer.serialize_struct(stringify!($name), fields)?;
                $(form.serialize_field(stringify!($field), &As::<$type>($field))?;)*
                form.end()
            }
            fn into_model(self) -> Self::Model {
                let Self { $($field),* } = self;
                $module::$name { $($field: $field.into_model(),)* $($($other: Default::default()),*)? }
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
        #[derive(Deserialize)]
        pub(in crate::log) enum $name {
            $($variant $(($inner))? $({ $($field: $type),* })?),*
        }

        impl Form for $name {
            type Model = $module::$name;
            fn write<S: Serializer>(model: &Self::Model, serializer: S) -> Result<S::Ok, S::Error> {
                /// The places of the variants.
                enum Place { $($variant),* }
                match model {
                    $($module::$name::$variant $(($one))? $({ $($field),* })? => stored!(
                        @write serializer, $name, Place::$variant as u32, $variant
                        $(($one: $inner))? $({ $($field: $type),* })?
                    ),)*
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
