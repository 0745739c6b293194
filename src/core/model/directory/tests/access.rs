//! Tests of who is accepted, and until when.

use crate::model::act::{Action, Actor};
use crate::model::directory::{Directory, Refused};
use crate::model::event::{EnvironmentName, TokenId, TokenKind};
use crate::model::time::Time;

fn at(ms: i64) -> Time {
    Time::from_ms(ms)
}

fn done(directory: &mut Directory, ms: i64, action: Action) {
    directory.apply(&action.by(Actor::default(), at(ms)));
}

fn with_token(expires_at: Option<Time>) -> (Directory, EnvironmentName, TokenId) {
    let mut directory = Directory::default();
    let name: EnvironmentName = "production".parse().unwrap();
    let id = TokenId::new("tok_1");
    done(
        &mut directory,
        0,
        Action::EnvironmentCreated { name: name.clone(), description: String::new(), color: String::new() },
    );
    done(
        &mut directory,
        1,
        Action::TokenCreated {
            environment: name.clone(),
            id: id.clone(),
            name: "cluster".into(),
            kind: TokenKind::Cluster,
            secret_sha256: [7; 32],
            expires_at,
        },
    );
    (directory, name, id)
}

#[test]
fn a_token_is_accepted_until_it_expires() {
    let (directory, ..) = with_token(Some(at(100)));
    assert!(directory.authenticate(&[7; 32], at(99)).is_ok());
    assert_eq!(directory.authenticate(&[7; 32], at(100)).unwrap_err(), Refused::Expired);
    assert_eq!(directory.authenticate(&[8; 32], at(99)).unwrap_err(), Refused::Unknown);
}

#[test]
fn a_revoked_token_is_refused_and_keeps_its_first_revocation() {
    let (mut directory, environment, id) = with_token(None);
    for ms in [10, 20] {
        done(&mut directory, ms, Action::TokenRevoked { environment: environment.clone(), id: id.clone() });
    }
    assert_eq!(directory.authenticate(&[7; 32], at(30)).unwrap_err(), Refused::Revoked);
    let token = directory.environment("production").unwrap().token(&id).unwrap();
    assert_eq!(token.revoked_at, Some(at(10)));
}

#[test]
fn a_deleted_environment_takes_its_tokens_with_it() {
    let (mut directory, name, _) = with_token(None);
    done(&mut directory, 5, Action::EnvironmentDeleted { name });
    assert_eq!(directory.authenticate(&[7; 32], at(6)).unwrap_err(), Refused::Unknown);
    assert!(directory.environment("production").is_none());
}

#[test]
fn a_clone_does_not_see_what_comes_later() {
    let (mut directory, environment, id) = with_token(None);
    let before = directory.clone();
    done(&mut directory, 10, Action::TokenRevoked { environment, id });
    assert!(before.authenticate(&[7; 32], at(30)).is_ok());
}
