//! The phones on one page: a column per topic, the newest message on top.

use crate::message::{Button, Message};

/// The page; `only` shows one topic's phone.
pub fn page(messages: &[Message], only: Option<&str>) -> String {
    let mut topics: Vec<&str> = messages.iter().map(|m| m.topic.as_str()).filter(|t| only.is_none_or(|only| only == *t)).collect();
    topics.sort_unstable();
    topics.dedup();
    let phones: String = topics.iter().map(|topic| phone(topic, messages)).collect();
    let body = if phones.is_empty() {
        "<p class=empty>No phone has rung yet. Send an alert and look again; this page reloads by itself.</p>".to_owned()
    } else {
        phones
    };
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width,initial-scale=1'>\
         <meta http-equiv=refresh content=3><title>Pretend phones</title><style>{STYLE}</style><h1>Pretend phones</h1><main>{body}</main></html>"
    )
}

fn phone(topic: &str, messages: &[Message]) -> String {
    let list: String = messages.iter().filter(|m| m.topic == topic).map(card).collect();
    format!("<section><h2>{}</h2>{list}</section>", escaped(topic))
}

fn card(message: &Message) -> String {
    let title = if message.title.is_empty() { String::new() } else { format!("<h3>{}</h3>", escaped(&message.title)) };
    let buttons: String = message.buttons.iter().map(button).collect();
    let click =
        message.click.as_deref().filter(|url| is_web(url)).map(|url| format!("<a href=\"{}\">Open</a>", escaped(url))).unwrap_or_default();
    format!("<article class=p{}>{title}<p>{}</p><nav>{buttons}{click}</nav></article>", message.priority.min(5), escaped(&message.text))
}

fn button(button: &Button) -> String {
    if !is_web(&button.url) {
        return String::new();
    }
    let (url, label) = (escaped(&button.url), escaped(&button.label));
    // A phone's app requests `http` actions itself; a browser shows the page behind them instead.
    format!("<a class=button href=\"{url}\">{label}</a>")
}

fn is_web(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
        out
    })
}

const STYLE: &str = "
:root{color-scheme:light dark;font:16px/1.45 system-ui,sans-serif}body{margin:0 auto;padding:16px;max-width:1200px}
h1{font-size:20px}main{display:flex;flex-wrap:wrap;gap:24px;align-items:flex-start}section{width:360px;max-width:100%;border:1px solid #8886;border-radius:24px;padding:16px;box-sizing:border-box}
h2{font-size:14px;margin:0 0 12px;opacity:.7}article{border-left:4px solid #888;padding:4px 12px;margin:0 0 16px}article.p5{border-color:#d33}article.p4{border-color:#d80}
h3{font-size:16px;margin:0}p{margin:4px 0;white-space:pre-wrap;overflow-wrap:anywhere}nav{display:flex;gap:8px;flex-wrap:wrap}a.button,nav a{display:inline-block;min-height:44px;line-height:44px;padding:0 16px;border:1px solid #8886;border-radius:8px;text-decoration:none;color:inherit}
.empty{opacity:.7}";
