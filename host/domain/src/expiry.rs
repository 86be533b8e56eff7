//! Expiry: when an alert that nobody reports any more counts as resolved. An outage of ours must not resolve the world.
