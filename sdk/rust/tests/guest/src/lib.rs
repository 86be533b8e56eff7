//! The example of the SDK's front page, as a component.

use reveille_sdk::prelude::*;

#[derive(Deserialize)]
struct Settings {
    fallback_team: String,
    /// Makes it read a field that the manifest does not declare.
    #[serde(default)]
    is_curious: bool,
}

struct Team(Settings);

#[plugin]
impl Enrich for Team {
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self> {
        Ok(Self(settings))
    }

    fn enrich(&self, alert: &Alert) -> Result<Patch> {
        if self.0.is_curious {
            log::info(alert.details().unwrap_or("nothing to see"));
        }
        let row = lookup::find("catalog", alert.service())?;
        let team = row.as_ref().and_then(|row| row.get("team")).unwrap_or(&self.0.fallback_team);
        Ok(Patch::because("service catalog").label("team", team))
    }
}
