//! The only way out: HTTP and SMTP to addresses that were checked first.
