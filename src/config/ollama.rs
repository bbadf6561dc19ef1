//! Where Ollama is found: its own variable, read as its own programs read it.

/// Where nobody says otherwise.
pub(super) const DEFAULT: &str = "http://127.0.0.1:11434/v1";

/// The base address behind `OLLAMA_HOST`, which people write as `host`, `host:port`, `:port` or a whole URL. The
/// address that Ollama listens on everywhere (`0.0.0.0`) is reached at loopback.
pub(super) fn base_url(host: &str) -> String {
    let host = host.trim().trim_end_matches('/');
    let (scheme, rest) = host.split_once("://").unwrap_or(("http", host));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !port.is_empty() => (name, port),
        _ if scheme == "https" => (authority, "443"),
        _ if host.contains("://") => (authority, "80"),
        _ => (authority, "11434"),
    };
    let name = match name {
        "" | "0.0.0.0" | "[::]" => "127.0.0.1",
        name => name,
    };
    // Its own interface stands at the root, the one that everyone speaks below `v1`.
    match path.trim_end_matches("v1").trim_end_matches('/') {
        "" => format!("{scheme}://{name}:{port}/v1"),
        folder => format!("{scheme}://{name}:{port}/{folder}/v1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ollama_host_as_ollama_does() {
        let cases = [
            ("", "http://127.0.0.1:11434/v1"),
            ("0.0.0.0", "http://127.0.0.1:11434/v1"),
            ("0.0.0.0:8000", "http://127.0.0.1:8000/v1"),
            (":8000", "http://127.0.0.1:8000/v1"),
            ("gpu.lan", "http://gpu.lan:11434/v1"),
            ("http://gpu.lan:11434/", "http://gpu.lan:11434/v1"),
            ("https://gpu.example", "https://gpu.example:443/v1"),
            ("http://gpu.example/ollama", "http://gpu.example:80/ollama/v1"),
            ("http://gpu.example/ollama/v1", "http://gpu.example:80/ollama/v1"),
            ("[::1]:11434", "http://[::1]:11434/v1"),
        ];
        for (host, expected) in cases {
            assert_eq!(base_url(host), expected, "{host}");
        }
    }
}
