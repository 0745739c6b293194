//! Instructions for a new token: commands and a file that work as they stand.

use crate::admin::state::Settings;
use crate::model::event::{EnvironmentName, TokenKind};
use crate::model::secret::Secret;
use crate::model::shell::quoted;
use crate::wire::Instructions;

/// The ready commands for a new token's secret.
pub(in crate::admin) fn instructions(
    settings: &Settings,
    environment: &EnvironmentName,
    (name, kind): (&str, TokenKind),
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
        agent: (kind == TokenKind::Agent).then(|| {
            let namespace = settings.places.get(environment).and_then(|place| place.namespace.as_deref());
            agent(&hub(settings), environment, namespace.unwrap_or(environment.as_str()), name, secret)
        }),
    }
}

/// containerd's `certs.d/HOST/hosts.toml`. containerd 1.6 ignores `server` where no `[host]` table stands beside it.
fn hosts_toml(host: &str, tls: bool) -> String {
    let scheme = if tls { "https" } else { "http" };
    let url = toml::Value::from(format!("{scheme}://{host}"));
    format!("server = {url}\n\n[host.{url}]\n  capabilities = [\"pull\", \"resolve\"]\n")
}

/// The address of the admin server, as a cluster may reach it: by the first of its names, else by that of its Service in
/// deploy/kubernetes/deployment.yaml.
fn hub(settings: &Settings) -> String {
    let scheme = if settings.speaks_tls { "https" } else { "http" };
    let host = settings.hosts.first().map_or("landfall-admin.landfall.svc:8081", String::as_str);
    format!("{scheme}://{host}")
}

/// deploy/kubernetes/agent.yaml with everything filled in, without its remarks.
fn agent(hub: &str, environment: &EnvironmentName, namespace: &str, name: &str, secret: &str) -> String {
    const TEMPLATE: &str = include_str!("../../../deploy/kubernetes/agent.yaml");
    // A JSON text is one of YAML, whatever is in it.
    let quoted = |text: String| serde_json::Value::from(text).to_string();
    // The token goes over plain HTTP only where its command says so.
    let plain = if hub.starts_with("http://") { "\n            - --plain-http" } else { "" };
    let filled = [
        ("\"THE-TOKEN\"", quoted(secret.to_owned())),
        ("--hub=https://landfall.example.com", quoted(format!("--hub={hub}")) + plain),
        ("\"--name=eu-1\"", quoted(format!("--name={name}"))),
        ("--namespace=shop=production", quoted(format!("--namespace={namespace}={environment}"))),
        ("namespace: shop\n", format!("namespace: {namespace}\n")),
    ];
    let lines = TEMPLATE.lines().filter(|line| !line.trim_start().starts_with('#'));
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    filled.iter().fold(text, |text, (place, value)| text.replace(place, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_of_an_agent_is_filled_in() {
        let environment = "production".parse().unwrap();
        let text = agent("http://hub:8081", &environment, "shop-eu", "eu \"1\"", "lfp_secret");
        for expected in [
            "token: \"lfp_secret\"",
            "- \"--hub=http://hub:8081\"\n            - --plain-http\n",
            "- \"--name=eu \\\"1\\\"\"",
            "- \"--namespace=shop-eu=production\"",
            "name: landfall-agent\n  namespace: shop-eu\n",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        for left in ["THE-TOKEN", "example.com\n", "eu-1", "namespace: shop\n", "#"] {
            assert!(!text.replace("registry.example.com", "").contains(left), "{left} in {text}");
        }
        let secure = agent("https://hub.example", &environment, "shop", "eu-1", "lfp_secret");
        assert!(!secure.contains("--plain-http"));
    }

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
