//! What an operator pastes into a sender's configuration.

/// Lines to paste for an integration with this normalizer: addresses that hold its key, and how a sender names them.
pub fn snippets(public_url: &str, normalizer: &str, key: &str) -> Vec<String> {
    let plain = format!("{public_url}/in/{key}");
    match normalizer {
        "victorops" => victorops(public_url, key),
        "alertmanager" => alertmanager(public_url, &plain, key),
        _ => vec![format!("  post JSON to {plain}")],
    }
}

fn victorops(public_url: &str, key: &str) -> Vec<String> {
    let url = format!("{public_url}/integrations/generic/20131114/alert/{key}");
    vec![
        format!("  VictorOps REST endpoint   {url}/ROUTING_KEY"),
        "  Try it:".into(),
        format!(
            "    curl -d '{{\"message_type\":\"CRITICAL\",\"entity_id\":\"checkout/latency\",\"entity_display_name\":\"Checkout is slow\",\"service\":\"checkout\"}}' {url}/database"
        ),
        "  and when it is over:".into(),
        format!("    curl -d '{{\"message_type\":\"RECOVERY\",\"entity_id\":\"checkout/latency\"}}' {url}/database"),
    ]
}

fn alertmanager(public_url: &str, webhook: &str, key: &str) -> Vec<String> {
    let address = public_url.split_once("://").map_or(public_url, |(_, rest)| rest);
    let scheme = public_url.split_once("://").map_or("http", |(scheme, _)| scheme);
    let text = format!(
        "  alertmanager.yml:
    route:
      receiver: reveille
      group_by: [service]
      group_wait: 5s        # how long a first page waits for company (30s unless told)
      group_interval: 30s   # how soon a recovery is passed on (5m unless told)
    receivers:
      - name: reveille
        webhook_configs:
          - url: {webhook}
  or without an Alertmanager, prometheus.yml:
    alerting:
      alertmanagers:
        - scheme: {scheme}
          path_prefix: /am/{key}
          static_configs:
            - targets: ['{address}']"
    );
    text.lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_snippet_holds_the_key_and_the_address() {
        for normalizer in ["victorops", "alertmanager", "generic"] {
            let text = snippets("http://127.0.0.1:8080", normalizer, "rvk_x").join("\n");
            assert!(text.contains("rvk_x") && text.contains("127.0.0.1:8080"), "{text}");
        }
    }
}
