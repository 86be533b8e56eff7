//! What came of somebody's wish, in one text.

use message::line;
use reveille_sdk::types::CommandResult;

/// Longest text of one result, in characters.
const WORDS_MAX: usize = 300;

/// One sentence for each result; `stranger` is said to somebody whom nobody knows.
pub fn words(results: &[CommandResult], stranger: &str) -> String {
    let each = results.iter().map(|result| match result {
        CommandResult::Done(words) => capital(&line(words, WORDS_MAX)),
        CommandResult::Refused(words) => format!("Nothing was changed: {}", line(words, WORDS_MAX)),
        CommandResult::UnknownActor => stranger.to_owned(),
    });
    let mut said: Vec<String> = Vec::new();
    for words in each {
        if !said.contains(&words) {
            said.push(words);
        }
    }
    said.join(". ")
}

/// Whether all of it was done.
pub fn is_done(results: &[CommandResult]) -> bool {
    results.iter().all(|result| matches!(result, CommandResult::Done(_)))
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_once() {
        let results = [
            CommandResult::Done("incident 7 is acknowledged".into()),
            CommandResult::UnknownActor,
            CommandResult::UnknownActor,
            CommandResult::Refused("there is no such incident".into()),
        ];
        assert_eq!(
            words(&results, "Who are you?"),
            "Incident 7 is acknowledged. Who are you?. Nothing was changed: there is no such incident"
        );
        assert!(!is_done(&results) && is_done(&results[..1]));
    }
}
