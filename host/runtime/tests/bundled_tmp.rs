//! tmp
mod house;
use domain::decision::Stage;
use domain::installation::{Grant, OnFailure, PluginUse, Table};
use house::House;
use ports::PluginHost;
use ports::plugin::Surroundings;
use std::sync::Arc;
#[test]
fn all() {
    let house = House::new();
    for entry in std::fs::read_dir("/work/main/plugins").unwrap() {
        let p = entry.unwrap().path();
        let name = p.file_name().unwrap().to_string_lossy().into_owned();
        let wasm = format!("/tmp/target-plugins/wasm32-wasip2/release/{name}.wasm");
        if !p.join("plugin.toml").is_file() || !std::path::Path::new(&wasm).is_file() { continue }
        let to = house.plugin(&name);
        std::fs::create_dir_all(&to).unwrap();
        std::fs::copy(&wasm, to.join("plugin.wasm")).unwrap();
        std::fs::copy(p.join("plugin.toml"), to.join("plugin.toml")).unwrap();
    }
    let around = Surroundings { tables: Arc::new([("catalog".to_owned(), Arc::new(Table::new()))].into()) };
    let grant = Grant { lookups: vec!["catalog".into()], keys: vec!["hook".into()], secrets: vec![] };
    for info in house.sandbox.installed() {
        match info {
            Err(e) => println!("ERR {e}"),
            Ok(info) => for hook in &info.hooks {
                let stage = [Stage::Normalize, Stage::Enrich, Stage::Filter, Stage::Dedupe, Stage::Route, Stage::Notify].into_iter().find(|s| s.as_str() == hook).unwrap();
                let used = PluginUse { plugin: info.plugin.name.clone(), settings: "{}".into(), on_failure: OnFailure::Skip };
                match house.sandbox.prepare(&used, stage, &grant, &around) { Ok(_) => println!("{} {hook} ok", info.plugin.name), Err(e) => println!("{} {hook}: {e}", info.plugin.name) }
            },
        }
    }
}
