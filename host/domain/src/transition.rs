//! Where alerts meet incidents: what a decision or a command does to them.
