//! The #[plugin] attribute of reveille-sdk.
