//! Files in `deploy/` load: an example that does not work is worse than none.

use std::path::Path;
use std::time::Duration;

use landfall::config::{
    AdminConfig, AskConfig, ClusterAccess, ClusterLogin, Config, CredentialsConfig, Flags, Provider,
    ProxyConfig, Redirects, SharedConfig, TlsFiles, UpstreamConfig, Verify, Webhook,
};
use landfall::model::deploy::Place;
use landfall::model::time::Span;

/// Loads a configuration as `landfall serve --config` does, with its secret in a file that exists here.
fn load(text: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("password");
    std::fs::write(&secret, "hunter2\n").unwrap();
    let hook = folder.path().join("webhook-secret");
    std::fs::write(&hook, "correct horse battery staple\n").unwrap();
    let here = |line: &str| {
        let files = [("password_file = ", &secret), ("secret_file = ", &hook), ("api_key_file = ", &secret)];
        let mut named = files.iter().filter_map(|(key, file)| Some((line.split_once(key)?.0, key, file)));
        let named = named.next().map(|(indent, key, file)| format!("{indent}{key}{file:?}\n"));
        named.unwrap_or_else(|| format!("{line}\n"))
    };
    let file = folder.path().join("landfall.toml");
    std::fs::write(&file, text.lines().map(here).collect::<String>()).unwrap();
    Config::load(Flags { config: Some(file), ..Flags::default() }).unwrap_or_else(|error| panic!("{error}"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// No field is left out with `..`: a key that is added to the configuration has to be added to the example.
#[test]
fn the_example_has_every_key_and_loads() {
    let Config {
        proxy,
        upstreams,
        admin,
        ask,
        webhooks,
        data,
        max_wait,
        keep,
        shared,
        rules,
        places,
        clusters,
        watched,
        forges,
        example_question: None,
    } = load(&read("deploy/landfall.example.toml"))
    else {
        panic!("no key sets the example question")
    };
    assert_eq!(data, Path::new("/var/lib/landfall"));
    assert_eq!(max_wait, Duration::from_millis(25));
    assert_eq!(keep, Span::from_mins(400 * 24 * 60));
    assert_eq!(rules.settle, Span::from_mins(10));
    assert_eq!(shared, None);
    assert_eq!(watched, ["production".parse().unwrap()]);

    let forge = forges.of(&"docker/payment-service".parse().unwrap()).unwrap();
    assert_eq!(forge.request(12), "https://github.com/shop/payment-service/pull/12");

    let Place { context, namespace, workloads } = places[&"production".parse().unwrap()].clone();
    assert_eq!((context.as_deref(), namespace.as_deref()), (Some("production"), Some("shop")));
    assert_eq!(workloads[&"shop/web".parse().unwrap()].len(), 2);
    let ClusterAccess { login, namespace } = clusters[&"production".parse().unwrap()].clone();
    let ClusterLogin::Kubeconfig { file, context } = login else { panic!("{login:?}") };
    assert_eq!((file.to_str(), context.as_deref()), (Some("/etc/landfall/kubeconfig"), Some("production")));
    assert_eq!(namespace.as_deref(), Some("shop"));
    let staging = &clusters[&"staging".parse().unwrap()];
    assert_eq!(
        (&staging.login, staging.namespace.as_deref()),
        (&ClusterLogin::InCluster, Some("shop-staging"))
    );

    let ProxyConfig { listen, public_host, tls, verify, splice, trusted_proxies, proxy_protocol } = proxy;
    assert_eq!(listen.to_string(), "0.0.0.0:8080");
    assert_eq!(public_host.as_deref(), Some("registry.example.com"));
    let TlsFiles { cert, key } = tls.unwrap();
    assert_eq!((cert, key), ("/etc/landfall/tls.crt".into(), "/etc/landfall/tls.key".into()));
    assert_eq!((verify, splice, proxy_protocol), (Verify::First, true, true));
    assert_eq!(trusted_proxies, ["10.0.0.0/8".parse().unwrap()]);

    let AdminConfig { listen, tls, token_file, hosts } = admin;
    let TlsFiles { cert, key } = tls.unwrap();
    assert_eq!((cert, key), ("/etc/landfall/admin.crt".into(), "/etc/landfall/admin.key".into()));
    assert_eq!(hosts, ["landfall.example.com"]);
    assert_eq!(listen.to_string(), "127.0.0.1:8081");
    assert_eq!(token_file.as_deref(), Some(Path::new("/etc/landfall/admin.token")));

    let AskConfig { model_url, model, api_key, timeout } = ask.unwrap();
    assert_eq!((model_url.as_str(), model.as_str()), ("https://llm.internal/v1", "some-model"));
    assert_eq!((api_key.unwrap().reveal(), timeout), ("hunter2", Duration::from_secs(30)));

    let [hook] = <[Webhook; 1]>::try_from(webhooks).unwrap();
    let Webhook { name, provider, secret, source, repository } = hook;
    assert_eq!(
        (name.as_str(), provider, source.as_str()),
        ("payment-service", Provider::Github, "shop/payment-service")
    );
    assert_eq!(
        (secret.reveal(), repository.as_str()),
        ("correct horse battery staple", "docker/payment-service")
    );

    let forge = forges.of(&"docker/payment-service".parse().unwrap()).unwrap();
    assert_eq!(forge.request(7), "https://github.com/shop/payment-service/pull/7");

    let [all, mirror] = <[UpstreamConfig; 2]>::try_from(upstreams).unwrap();
    let UpstreamConfig {
        prefix,
        url,
        strip_prefix,
        hosts,
        credentials,
        ca_file,
        redirects,
        token_servers,
        outbound,
        head_timeout,
        stall_timeout,
    } = all;
    assert_eq!((prefix.as_str(), url.as_str()), ("", "https://registry.internal:5000/"));
    assert_eq!((strip_prefix, redirects), (false, Redirects::Follow));
    let Some(CredentialsConfig::File { username, password, file: _ }) = credentials else {
        panic!("{credentials:?}")
    };
    assert_eq!((username.as_str(), password.reveal()), ("puller", "hunter2"));
    let proxy = outbound.proxy_for(true, "registry.internal", 5000).unwrap();
    assert_eq!((proxy.host.as_str(), proxy.port), ("proxy.internal", 3128));
    let [realm] = <[url::Url; 1]>::try_from(token_servers).unwrap();
    assert_eq!(realm.as_str(), "http://auth.internal:5001/");
    let Some(CredentialsConfig::Helper(helper)) = mirror.credentials else { panic!("{mirror:?}") };
    assert_eq!(helper, "ecr-login");
    assert_eq!(head_timeout, Some(Duration::from_secs(300)));
    assert_eq!(stall_timeout, Some(Duration::from_secs(30)));
    assert_eq!(ca_file.as_deref(), Some(Path::new("/etc/landfall/ca.crt")));
    assert_eq!((mirror.prefix.as_str(), mirror.strip_prefix), ("mirror", true));
    assert_eq!((hosts, mirror.hosts), (Vec::new(), vec!["quay.io".parse().unwrap()]));
}

#[test]
fn the_example_of_a_shared_log_has_every_key_and_loads() {
    let text =
        read("deploy/landfall.example.toml").replace("#| ", "").replace("watch = true", "watch = false");
    let SharedConfig { urls, stream, credentials_file, ca_file, replica, is_edge } =
        load(&text).shared.unwrap();
    assert_eq!(urls, ["tls://nats-0.internal:4222", "tls://nats-1.internal:4222"]);
    assert_eq!((stream.as_str(), replica.as_str(), is_edge), ("landfall", "landfall-0", false));
    assert_eq!(credentials_file.as_deref(), Some(Path::new("/etc/landfall/nats.creds")));
    assert_eq!(ca_file.as_deref(), Some(Path::new("/etc/landfall/ca.crt")));
}

#[test]
fn the_config_maps_of_the_manifests_load() {
    for (manifest, upstream) in [
        ("deploy/kubernetes/deployment.yaml", "https://registry.internal:5000/"),
        ("deploy/kubernetes/replicas.yaml", "https://registry.internal:5000/"),
        ("deploy/kubernetes/edge.yaml", "https://registry.internal:5000/"),
        ("deploy/kubernetes/sidecar.yaml", "http://127.0.0.1:5000/"),
    ] {
        let config = load(&embedded(&read(manifest), "landfall.toml"));
        assert_eq!(config.upstreams[0].url.as_str(), upstream, "{manifest}");
        let role = config.shared.map(|shared| if shared.is_edge { "edge" } else { "replicas" });
        assert_eq!(role, ["edge", "replicas"].into_iter().find(|role| manifest.contains(role)), "{manifest}");
        assert!(!config.admin.listen.ip().is_loopback(), "{manifest}: the kubelet probes the pod's address");
    }
}

/// The block scalar behind `KEY: |`.
fn embedded(yaml: &str, key: &str) -> String {
    let is_key = |line: &&str| line.trim_start() == format!("{key}: |");
    let block = yaml.lines().skip_while(|line| !is_key(line)).skip(1);
    block
        .take_while(|line| line.is_empty() || line.starts_with("    "))
        .map(|line| format!("{line}\n"))
        .collect()
}
