//! The hooks, literally: what each exports.

/// A hook of the contract.
pub struct Hook {
    /// The trait of the SDK.
    pub name: &'static str,
    /// The name in the manifest, and of the interface.
    pub interface: &'static str,
    /// Its exported functions.
    pub functions: &'static [Function],
}

/// An exported function.
pub struct Function {
    /// Its name in the contract.
    pub export: &'static str,
    /// The function in `reveille_sdk::guest` that runs it.
    pub guest: &'static str,
    /// The arguments' types in `reveille_sdk::wire::<interface>`.
    pub arguments: &'static [&'static str],
    /// What it gives, in the same place.
    pub result: &'static str,
}

const fn run(guest: &'static str, arguments: &'static [&'static str], result: &'static str) -> Function {
    Function { export: "run", guest, arguments, result }
}

/// All of them.
pub const HOOKS: &[Hook] = &[
    Hook {
        name: "Normalize",
        interface: "normalize",
        functions: &[run("normalize", &["wire::normalize::Inbound"], "Result<wire::normalize::Normalized, wire::normalize::Refusal>")],
    },
    Hook {
        name: "Enrich",
        interface: "enrich",
        functions: &[run("enrich", &["wire::enrich::Alert"], "Result<wire::enrich::Patch, wire::types::Error>")],
    },
    Hook {
        name: "Filter",
        interface: "filter",
        functions: &[run("filter", &["wire::filter::Alert"], "Result<wire::filter::Verdict, wire::types::Error>")],
    },
    Hook {
        name: "Dedupe",
        interface: "dedupe",
        functions: &[run("dedupe", &["wire::dedupe::Alert"], "Result<Option<wire::dedupe::Grouping>, wire::types::Error>")],
    },
    Hook {
        name: "Route",
        interface: "route",
        functions: &[run("route", &["wire::route::Incident"], "Result<Vec<wire::route::Destination>, wire::types::Error>")],
    },
    Hook {
        name: "Automate",
        interface: "automate",
        functions: &[run("automate", &["wire::automate::IncidentEvent"], "Result<Vec<wire::automate::Action>, wire::types::Error>")],
    },
    Hook {
        name: "Notify",
        interface: "notify",
        functions: &[
            Function {
                export: "render",
                guest: "render",
                arguments: &["wire::notify::Page"],
                result: "Result<wire::notify::Request, wire::types::Error>",
            },
            Function {
                export: "interpret",
                guest: "interpret",
                arguments: &["wire::notify::Page", "u32", "wire::notify::Response"],
                result: "Result<wire::notify::Outcome, wire::types::Error>",
            },
        ],
    },
    Hook {
        name: "Interact",
        interface: "interact",
        functions: &[
            Function {
                export: "read",
                guest: "read",
                arguments: &["wire::interact::Inbound"],
                result: "Result<wire::interact::Interaction, wire::types::Error>",
            },
            Function {
                export: "answer",
                guest: "answer",
                arguments: &["wire::interact::Inbound", "Vec<wire::interact::CommandResult>"],
                result: "Result<Option<wire::interact::Reply>, wire::types::Error>",
            },
        ],
    },
];
