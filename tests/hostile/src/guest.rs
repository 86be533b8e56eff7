//! A guest written as a core module in text, of which a case replaces the parts that it is about, and its way to a component.

use crate::case::{Case, Expect};
use anyhow::{Context, Result};
use domain::decision::Stage;
use reveille_tests::place::root;
use std::sync::OnceLock;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{PackageId, Resolve};

/// The contract that the cases are written for, as interfaces carry it.
pub const CONTRACT: &str = "1.0.0";
/// And as manifests name it.
pub const API: &str = "1.0";

/// Where results are written.
pub const RESULT: u32 = 128;
/// From here on memory is handed out by `cabi_realloc`.
const HEAP: u32 = 4096;

/// `filter` says `keep`.
const KEEP: &str = "(memory.fill (i32.const 128) (i32.const 0) (i32.const 48)) (i32.const 128)";
/// `configure` takes all settings and narrows nothing.
const TAKES: &str = "(memory.fill (i32.const 64) (i32.const 0) (i32.const 16)) (i32.const 64)";
/// Hands out memory upwards; all is given back after each call.
const BUMP: &str = "
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
    (global.set $next (i32.add (local.get $at) (local.get $want)))
    (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
      (then (drop (memory.grow (i32.add (i32.shr_u (local.get $want) (i32.const 16)) (i32.const 1))))))
    (local.get $at)";

/// The parts of a guest.
#[derive(Debug, Clone)]
pub struct Guest {
    name: String,
    stage: Stage,
    manifest: String,
    world: String,
    packages: String,
    imports: String,
    memory: String,
    fields: String,
    configure: String,
    run: String,
    realloc: String,
    post: String,
    post_configure: String,
}

impl Guest {
    /// One that behaves.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            stage: Stage::Filter,
            manifest: String::new(),
            world: String::new(),
            packages: String::new(),
            imports: String::new(),
            memory: "1 1024".into(),
            fields: String::new(),
            configure: TAKES.into(),
            run: KEEP.into(),
            realloc: BUMP.into(),
            post: String::new(),
            post_configure: String::new(),
        }
    }

    /// The hook's body; a result is expected, and [`Guest::then_keep`] adds one.
    pub fn run(mut self, body: impl Into<String>) -> Self {
        self.run = body.into();
        self
    }

    /// The hook does this, and then keeps the alert.
    pub fn then_keep(self, body: impl AsRef<str>) -> Self {
        self.run(format!("{} {KEEP}", body.as_ref()))
    }

    /// `configure` does this, and then takes the settings.
    pub fn configure(mut self, body: impl AsRef<str>) -> Self {
        self.configure = format!("{} {TAKES}", body.as_ref());
        self
    }

    /// The whole body of `configure`.
    pub fn configures(mut self, body: impl Into<String>) -> Self {
        self.configure = body.into();
        self
    }

    /// The body of `cabi_realloc`.
    pub fn realloc(mut self, body: impl Into<String>) -> Self {
        self.realloc = body.into();
        self
    }

    /// What is done when the hook's result was read.
    pub fn post(mut self, body: impl Into<String>) -> Self {
        self.post = body.into();
        self
    }

    /// What is done when `configure`'s result was read.
    pub fn post_configure(mut self, body: impl Into<String>) -> Self {
        self.post_configure = body.into();
        self
    }

    /// Pages of memory, first and most.
    pub fn memory(mut self, pages: impl Into<String>) -> Self {
        self.memory = pages.into();
        self
    }

    /// Further fields of the module.
    pub fn fields(mut self, fields: impl Into<String>) -> Self {
        self.fields.push_str(&fields.into());
        self
    }

    /// An import of the contract, with its core type.
    pub fn imports(mut self, interface: &str, function: &str, id: &str, signature: &str) -> Self {
        let name = format!("reveille:plugin/{interface}@{CONTRACT}");
        self.imports.push_str(&format!("(import \"{name}\" \"{function}\" (func ${id} {signature}))\n"));
        self
    }

    /// An import of another package, described in WIT: `packages` are nested packages, `world` are lines of the world.
    pub fn imports_from(mut self, packages: &str, world: &str, imports: &str) -> Self {
        self.packages.push_str(packages);
        self.world.push_str(world);
        self.imports.push_str(imports);
        self
    }

    /// Lines of the manifest.
    pub fn asking(mut self, manifest: impl Into<String>) -> Self {
        self.manifest = manifest.into();
        self
    }

    /// At `enrich`, whose result stands at [`RESULT`] too.
    pub fn at(mut self, stage: Stage) -> Self {
        self.stage = stage;
        self
    }

    /// The core module.
    pub fn text(&self) -> String {
        let hook = self.stage.as_str();
        let parameters = match self.stage {
            // The request's fields come flat.
            Stage::Normalize => "i32 i32 i64 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32",
            _ => "i32",
        };
        let Self { imports, memory, fields, configure, run, realloc, post, post_configure, .. } = self;
        let package = |interface: &str| format!("reveille:plugin/{interface}@{CONTRACT}");
        let (lifecycle, hook) = (package("lifecycle"), package(hook));
        format!(
            "(module {imports}
              (memory (export \"memory\") {memory})
              (global $next (mut i32) (i32.const {HEAP}))
              (global $calls (mut i32) (i32.const 0))
              {fields}
              (func $realloc (export \"cabi_realloc\") (param $old i32) (param $had i32) (param $align i32) (param $want i32) (result i32)
                (local $at i32) {realloc})
              (func $configure (export \"{lifecycle}#configure\") (param $text i32) (param $length i32) (result i32)
                (local $i i32) {configure})
              (func (export \"cabi_post_{lifecycle}#configure\") (param i32) {post_configure}
                (global.set $next (i32.const {HEAP})))
              (func $run (export \"{hook}#run\") (param {parameters}) (result i32)
                (local $i i32) (local $n i64)
                (global.set $calls (i32.add (global.get $calls) (i32.const 1))) {run})
              (func (export \"cabi_post_{hook}#run\") (param i32) {post}
                (global.set $next (i32.const {HEAP}))))"
        )
    }

    /// The component.
    ///
    /// # Errors
    /// The case is written wrong.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let text = self.text();
        self.wrap(wat::parse_str(&text).context(text)?)
    }

    /// The component around another core module with the same surface.
    ///
    /// # Errors
    /// The module does not fit the world.
    pub fn wrap(&self, mut module: Vec<u8>) -> Result<Vec<u8>> {
        let (contract, package) = contract();
        let Self { packages, world, stage, .. } = self;
        let mut resolve = contract.clone();
        let world = if world.is_empty() && packages.is_empty() {
            resolve.select_world(&[*package], Some(&format!("{}-plugin", stage.as_str())))?
        } else {
            let include = format!("include reveille:plugin/{}-plugin@{CONTRACT};", stage.as_str());
            let text = format!("package hostile:guest;\n{packages}\nworld guest {{ {include} {world} }}");
            let package = resolve.push_source("guest.wit", &text).context(text)?;
            resolve.select_world(&[package], Some("guest"))?
        };
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)?;
        ComponentEncoder::default().module(&module)?.validate(false).encode()
    }

    /// As a case.
    pub fn case(self, expect: Expect) -> Case {
        let bytes = self.encode();
        self.finish(bytes, expect)
    }

    /// As a case, with these definitions added to the finished component.
    pub fn with_definitions(self, definitions: &str, expect: Expect) -> Case {
        let add = |good: Vec<u8>| {
            let printed = wasmprinter::print_bytes(good)?;
            let end = printed.trim_end().strip_suffix(')').context("a component's text ends with `)`")?;
            Ok(wat::parse_str(format!("{end}\n{definitions})"))?)
        };
        let bytes = self.encode().and_then(add);
        self.finish(bytes, expect)
    }

    fn finish(self, bytes: Result<Vec<u8>>, expect: Expect) -> Case {
        let mut case = Case::built(self.name, bytes, expect);
        (case.stage, case.manifest) = (self.stage, self.manifest);
        case
    }
}

/// The contract as it is shipped.
fn contract() -> &'static (Resolve, PackageId) {
    static SHIPPED: OnceLock<(Resolve, PackageId)> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        let mut resolve = Resolve::default();
        let folder = root().join("wit/v1.0");
        let (package, _) = resolve.push_dir(&folder).unwrap_or_else(|error| panic!("{}: {error:#}", folder.display()));
        (resolve, package)
    })
}
