//! Pull secrets of type `kubernetes.io/dockerconfigjson`. Passwords that are read leave this file only as hashes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::api::ApiResource;
use serde_json::{Value, json};

use crate::model::deploy::PullSecret;
use crate::model::event::EnvironmentName;
use crate::model::secret::{Secret, sha256};

/// Type of a pull secret.
const TYPE: &str = "kubernetes.io/dockerconfigjson";
/// Key of a pull secret's data.
const KEY: &str = ".dockerconfigjson";

/// API resource of secrets.
pub(super) fn resource() -> ApiResource {
    ApiResource {
        group: String::new(),
        version: "v1".to_owned(),
        api_version: "v1".to_owned(),
        kind: "Secret".to_owned(),
        plural: "secrets".to_owned(),
    }
}

/// Reads the hash of a secret's password for `host`.
pub(super) fn read(secret: &Value, host: &str) -> PullSecret {
    if secret["type"] != TYPE {
        return PullSecret::OtherKind;
    }
    let password = secret["data"][KEY].as_str().and_then(|data| password(data, host));
    password.map_or(PullSecret::OtherHost, |password| PullSecret::Holds { sha256: sha256(&password) })
}

fn password(data: &str, host: &str) -> Option<String> {
    let config: Value = serde_json::from_slice(&STANDARD.decode(data).ok()?).ok()?;
    let auths = config["auths"].as_object()?;
    // docker login writes a URL for some registries.
    let is_host = |name: &str| name.trim_start_matches("https://").trim_end_matches('/') == host;
    let (_, entry) = auths.iter().find(|(name, _)| is_host(name))?;
    if let Some(password) = entry["password"].as_str() {
        return Some(password.to_owned());
    }
    let auth = String::from_utf8(STANDARD.decode(entry["auth"].as_str()?).ok()?).ok()?;
    auth.split_once(':').map(|(_, password)| password.to_owned())
}

/// Builds a pull secret.
pub(super) fn body(name: &str, environment: &EnvironmentName, host: &str, password: &Secret) -> Value {
    let (user, password) = (environment.as_str(), password.expose());
    let auth = STANDARD.encode(format!("{user}:{password}"));
    let config = json!({"auths": {host: {"username": user, "password": password, "auth": auth}}});
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": TYPE,
        "data": {KEY: STANDARD.encode(config.to_string())},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::secret::PULL_PREFIX;

    #[test]
    fn what_is_written_is_read_for_its_host_alone() {
        let environment = "staging".parse().unwrap();
        let secret = Secret::from_random(PULL_PREFIX, &[7; 64]).unwrap();
        let mut written = body("landfall-staging", &environment, "registry.test:5000", &secret);
        let holds = PullSecret::Holds { sha256: secret.sha256() };
        assert_eq!(read(&written, "registry.test:5000"), holds);
        assert_eq!(read(&written, "registry.test"), PullSecret::OtherHost);
        written["type"] = "Opaque".into();
        assert_eq!(read(&written, "registry.test:5000"), PullSecret::OtherKind);
    }

    #[test]
    fn what_docker_and_kubectl_write_is_read_and_anything_else_is_no_password() {
        let secret = |config: &str| json!({"type": TYPE, "data": {KEY: STANDARD.encode(config)}});
        let holds = PullSecret::Holds { sha256: sha256("hunter2") };
        for config in [
            r#"{"auths":{"h:1":{"auth":"dTpodW50ZXIy"}}}"#,
            r#"{"auths":{"https://h:1/":{"username":"u","password":"hunter2"}}}"#,
        ] {
            assert_eq!(read(&secret(config), "h:1"), holds, "{config}");
        }
        for config in ["", "[]", "{}", r#"{"auths":{"h:1":{}}}"#, r#"{"auths":{"h:1":{"auth":"%"}}}"#] {
            assert_eq!(read(&secret(config), "h:1"), PullSecret::OtherHost, "{config}");
        }
        assert_eq!(read(&json!({"type": TYPE}), "h:1"), PullSecret::OtherHost);
    }
}
