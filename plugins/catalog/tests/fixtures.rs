//! Runs each case of `fixtures/`: what comes in, and the hand-written answer.

#[test]
fn cases() {
    reveille_sdk::mock::cases("fixtures", reveille_sdk::mock::Case::enrich::<catalog::Catalog>);
}

#[test]
fn an_unreadable_catalog_is_logged() {
    use reveille_sdk::mock;
    use reveille_sdk::prelude::*;

    mock::lookup_unavailable("catalog", "down");
    let catalog = mock::Instance::<catalog::Catalog>::configure(&serde_json::json!({})).unwrap();
    let patch = catalog.enrich(Report::firing(Severity::Error).service("checkout-api")).unwrap();
    assert!(patch.is_empty());
    assert_eq!(mock::log_lines()[0].message, "the service catalog cannot be read");
}
