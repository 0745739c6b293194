//! Instructions for a new token: commands and a file that work as they stand.

use crate::admin::state::Settings;
use crate::model::event::EnvironmentName;
use crate::model::secret::Secret;
use crate::model::shell::quoted;
use crate::wire::Instructions;

/// The ready commands for a new token's secret.
pub(in crate::admin) fn instructions(
    settings: &Settings,
    environment: &EnvironmentName,
    secret: &Secret,
) -> Instructions {
    let (host, secret) = (settings.registry_host.as_str(), secret.expose());
    let server = quoted(host);
    Instructions {
        registry: host.to_owned(),
        kubectl: format!(
            "kubectl create secret docker-registry landfall-{environment} --docker-server={server} \
             --docker-username={environment} --docker-password={secret}"
        ),
        docker_login: format!(
            "printf %s {secret} | docker login {server} --username {environment} --password-stdin"
        ),
        hosts_toml: hosts_toml(host, settings.registry_tls),
    }
}

/// containerd's `certs.d/HOST/hosts.toml`. containerd 1.6 ignores `server` where no `[host]` table stands beside it.
fn hosts_toml(host: &str, tls: bool) -> String {
    let scheme = if tls { "https" } else { "http" };
    let url = toml::Value::from(format!("{scheme}://{host}"));
    format!("server = {url}\n\n[host.{url}]\n  capabilities = [\"pull\", \"resolve\"]\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one_word_in_a_shell() {
        for word in
            ["registry.example.com:5000", "[::1]:8080", "a b", "$(reboot)", "it's", "", "a\nb", "`x`;y"]
        {
            let script = format!("printf %s {}", quoted(word));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
        assert_eq!(quoted("127.0.0.1:8080"), "127.0.0.1:8080");
    }

    #[test]
    fn hosts_toml_names_the_scheme_and_is_toml() {
        let parsed: toml::Table = hosts_toml("[::1]:8080", false).parse().unwrap();
        assert_eq!(parsed["server"].as_str(), Some("http://[::1]:8080"));
        assert!(parsed["host"]["http://[::1]:8080"]["capabilities"].is_array());
        assert!(
            hosts_toml("registry.example.com", true)
                .starts_with("server = \"https://registry.example.com\"\n")
        );
    }
}
