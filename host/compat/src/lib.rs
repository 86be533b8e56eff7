//! Machines' side: the front doors and the dialects in which senders expect their answers.
