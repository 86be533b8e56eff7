//! `cargo xtask test`: everything that has a test, with real peers.

use crate::plugins;
use crate::tools::{Package, cargo, ensure_packages, root, run, target_dir};
use anyhow::{Context, Result};

/// What the tests run against. PostgreSQL joins when the code that speaks to it does.
const PEERS: &[Package] = &[
    Package { name: "prometheus", proof: &["prometheus"] },
    Package { name: "prometheus-alertmanager", proof: &["prometheus-alertmanager"] },
    Package { name: "redis-server", proof: &["redis-server"] },
    Package { name: "chromium", proof: &["chromium"] },
    Package { name: "chromium-driver", proof: &["chromedriver"] },
    Package { name: "python3-aiosmtpd", proof: &["aiosmtpd"] },
    Package { name: "python3-dateutil", proof: &["/usr/lib/python3/dist-packages/dateutil/rrule.py"] },
    Package { name: "postgresql", proof: &["pg_ctlcluster"] },
];

/// What tests need beyond the shipped program: the control socket, fail points, the suite that any store has to pass.
const FEATURES: &str = "reveille/sim,store/conformance,store/failpoints,oncall/failpoints,pipeline/failpoints";

/// The tests whose counts `REVEILLE_SOAK` multiplies.
const SOAKED: &[&str] = &["promises", "swap", "hot_state", "self_defence", "hostile", "redis_faults", "memory"];

/// Tests among the libraries' own whose counts it multiplies too, by their module.
const SOAKED_LAWS: &str = "escalation::laws::";

/// Builds and runs all tests; `args` go to the test runner of the main workspace.
pub fn test(args: &[String]) -> Result<()> {
    ensure_packages(PEERS)?;
    let dist = plugins::build()?;
    plugins::build_guests()?;
    build_programs()?;
    forget_compiled_plugins()?;
    eprintln!("xtask: the plugins' own tests");
    let mut native = cargo(&["test", "--release", "--locked"]);
    native.current_dir(root().join("plugins"));
    native.env("CARGO_TARGET_DIR", plugins::workspace_target("REVEILLE_PLUGINS_TARGET", &root().join("plugins")));
    run(&mut native)?;
    eprintln!("xtask: the host, the SDK and the stories");
    let mut host = with_surroundings(cargo(&["test", "--release", "--workspace", "--no-fail-fast", "--locked", "--features", FEATURES]));
    host.env("REVEILLE_PLUGINS", dist).args(args.iter().skip_while(|a| *a == "--"));
    run(&mut host)
}

/// The promises' tests for longer, their counts printed; `--rounds N` multiplies them.
pub fn soak(args: &[String]) -> Result<()> {
    ensure_packages(PEERS)?;
    let dist = plugins::build()?;
    plugins::build_guests()?;
    build_programs()?;
    forget_compiled_plugins()?;
    let rounds = args.iter().skip_while(|a| *a != "--rounds").nth(1).map_or("10", String::as_str);
    let soak = |which: &[&str]| {
        let mut soak =
            with_surroundings(cargo(&["test", "--release", "--workspace", "--no-fail-fast", "--locked", "--features", FEATURES]));
        soak.args(which).args(["--", "--nocapture", "--test-threads", "1"]);
        soak.env("REVEILLE_PLUGINS", &dist).env("REVEILLE_SOAK", rounds);
        run(&mut soak)
    };
    // Both, also where the first fails.
    let laws = soak(&["--lib", SOAKED_LAWS]);
    let files: Vec<&str> = SOAKED.iter().flat_map(|name| ["--test", *name]).collect();
    soak(&files).and(laws)
}

/// Everything that the tests run, built at once: one set of features, so that nothing is compiled twice.
fn build_programs() -> Result<()> {
    eprintln!("xtask: building the host");
    run(&mut cargo(&["build", "--release", "--workspace", "--all-targets", "--locked", "--features", FEATURES]))
}

/// The stories' servers share what they compile; each run begins with nothing, so that compiling is tested too and old images do not pile up.
fn forget_compiled_plugins() -> Result<()> {
    let dir = target_dir().join("release/stories-native-cache");
    match std::fs::remove_dir_all(&dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).with_context(|| format!("cannot empty {}", dir.display())),
        _ => Ok(()),
    }
}

fn with_surroundings(mut cargo: std::process::Command) -> std::process::Command {
    cargo.env("REVEILLE_TARGET", target_dir().join("release"));
    cargo.env(
        "REVEILLE_GUESTS",
        plugins::workspace_target("REVEILLE_GUESTS_TARGET", &root().join("tests/guests")).join("wasm32-wasip2/release"),
    );
    if std::env::var_os("REVEILLE_CORPUS").is_none() {
        let beside = root().join("../shared/corpus");
        if beside.is_dir() {
            cargo.env("REVEILLE_CORPUS", beside);
        }
    }
    cargo
}
