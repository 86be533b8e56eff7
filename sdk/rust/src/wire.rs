//! What crosses the boundary, generated from `wit/`: one module for types and imports, and one per export, so that a component exports
//! only its own hooks. The rest of the crate gives these types their manners.
#![allow(
    missing_docs,
    unsafe_code,
    unused_attributes,
    clippy::pedantic,
    clippy::all,
    reason = "generated from wit/v1.0/plugin.wit, which holds the documentation"
)]

wit_bindgen::generate!({
    path: ["../../wit/v1.0", "wit"],
    world: "reveille:sdk/imports",
    generate_all,
    generate_unused_types: true,
    additional_derives: [PartialEq],
});

pub use reveille::plugin::{assets, keys, log, lookup, state, types};

/// Generates the module of one export. Its macro is called by `#[plugin]`.
macro_rules! export {
    ($module:ident, $world:literal, $export:literal, { $($with:tt)* }) => {
        pub mod $module {
            wit_bindgen::generate!({
                path: ["../../wit/v1.0", "wit"],
                world: $world,
                with: { $($with)* },
                generate_unused_types: true,
                additional_derives: [PartialEq],
                pub_export_macro: true,
                export_macro_name: $export,
                runtime_path: "::reveille_sdk::__wit_bindgen_rt",
            });
            pub use exports::reveille::plugin::$module::*;
        }
    };
    ($module:ident, $world:literal, $export:literal) => {
        export!($module, $world, $export, { "reveille:plugin/types@1.0.0": crate::wire::types });
    };
}

export!(lifecycle, "reveille:sdk/lifecycle", "export_lifecycle", {});
export!(normalize, "reveille:sdk/normalize", "export_normalize");
export!(enrich, "reveille:sdk/enrich", "export_enrich");
export!(filter, "reveille:sdk/filter", "export_filter");
export!(dedupe, "reveille:sdk/dedupe", "export_dedupe");
export!(route, "reveille:sdk/route", "export_route");
export!(automate, "reveille:sdk/automate", "export_automate");
export!(notify, "reveille:sdk/notify", "export_notify");
export!(interact, "reveille:sdk/interact", "export_interact");
