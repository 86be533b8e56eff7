//! People, time and effects after an incident exists: reconcilers over the store.
