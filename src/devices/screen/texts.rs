//! Every word on the traveller's screen, from one Fluent file for each language.
//!
//! Words are short, kind, and never say why: a traveller who is referred reads the same as one who asked for
//! help. A file that lacks a prompt keeps the screen from starting, and a test from passing.

use crate::face::QualityFlaw;
use crate::passage::Prompt;
use fluent_bundle::{FluentBundle, FluentResource};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use unic_langid::LanguageIdentifier;

/// The instruction, and a hint below it.
pub type Words = [String; 2];

/// The prompt of a page that does not hear the lane.
pub const LOST: &str = "lost";

/// One language of the screen.
#[derive(Debug, Clone)]
pub struct Language {
    /// BCP 47 code.
    pub code: &'static str,
    /// Direction of writing, `ltr` or `rtl`.
    pub direction: &'static str,
    /// Its own name, on the button.
    pub name: String,
    /// Words for each prompt by its [`key`], and for [`LOST`].
    pub prompts: BTreeMap<&'static str, Words>,
    /// Button that calls an officer.
    pub officer: String,
    /// The same button after it was touched.
    pub officer_called: String,
    /// Beside the light that says that the camera films.
    pub camera_on: String,
    /// Names the choice of language to a screen reader.
    pub choose: String,
}

/// A language whose file is not whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the screen's words in {code:?}: {what}")]
pub struct TextError {
    code: &'static str,
    what: String,
}

/// Where a language is written, and whose travellers are first met in it.
struct Source {
    code: &'static str,
    direction: &'static str,
    fluent: &'static str,
    /// Issuing states as in the printed lines (Doc 9303-3 §5), where most people read this language.
    states: &'static [&'static str],
}

macro_rules! source {
    ($code:literal, $direction:literal, $states:expr) => {
        Source {
            code: $code,
            direction: $direction,
            fluent: include_str!(concat!("languages/", $code, ".ftl")),
            states: &$states,
        }
    };
}

/// The languages, in the order of the buttons.
const SOURCES: [Source; 12] = [
    source!(
        "en",
        "ltr",
        ["GBR", "USA", "CAN", "AUS", "NZL", "IRL", "ZAF", "NGA", "KEN", "GHA", "SGP", "JAM"]
    ),
    source!(
        "fr",
        "ltr",
        ["FRA", "MCO", "LUX", "SEN", "CIV", "CMR", "MLI", "COD", "GAB", "BEN", "TGO", "HTI"]
    ),
    source!("de", "ltr", ["D", "AUT", "CHE", "LIE"]),
    source!(
        "es",
        "ltr",
        [
            "ESP", "MEX", "ARG", "COL", "CHL", "PER", "VEN", "ECU", "BOL", "PRY", "URY", "CRI", "PAN", "GTM",
            "HND", "SLV", "NIC", "CUB", "DOM", "GNQ"
        ]
    ),
    source!("pt", "ltr", ["PRT", "BRA", "AGO", "MOZ", "CPV", "GNB", "STP", "TLS"]),
    source!("pl", "ltr", ["POL"]),
    source!("tr", "ltr", ["TUR"]),
    source!("uk", "ltr", ["UKR"]),
    source!(
        "ar",
        "rtl",
        [
            "SAU", "EGY", "ARE", "QAT", "KWT", "BHR", "OMN", "YEM", "JOR", "LBN", "SYR", "IRQ", "PSE", "LBY",
            "TUN", "DZA", "MAR", "SDN", "MRT"
        ]
    ),
    source!("hi", "ltr", ["IND"]),
    source!("zh", "ltr", ["CHN", "TWN", "HKG", "MAC"]),
    source!("ja", "ltr", ["JPN"]),
];

/// Reads all languages.
///
/// # Errors
/// When a file is no Fluent, or lacks a message.
pub fn languages() -> Result<Vec<Language>, TextError> {
    SOURCES.iter().map(read).collect()
}

/// The language in which to meet the holder of this state's document, until they choose; `None` when there is
/// no better guess than the lane's own.
pub fn first_guess(issuing_state: &str) -> Option<&'static str> {
    let source = SOURCES.iter().find(|source| source.states.contains(&issuing_state))?;
    Some(source.code)
}

fn read(source: &Source) -> Result<Language, TextError> {
    let fault = |what: String| TextError { code: source.code, what };
    let resource = FluentResource::try_new(source.fluent.to_owned())
        .map_err(|(_, errors)| fault(format!("not Fluent: {errors:?}")))?;
    let code: LanguageIdentifier = source.code.parse().map_err(|_| fault("no language code".to_owned()))?;
    let mut bundle = FluentBundle::new(vec![code]);
    bundle.set_use_isolating(false);
    bundle.add_resource(resource).map_err(|errors| fault(format!("said twice: {errors:?}")))?;
    let text = |id: &str, hint: bool| {
        let message = bundle.get_message(id);
        let pattern = match hint {
            false => message.and_then(|message| message.value()),
            true => message.and_then(|message| message.get_attribute("hint")).map(|hint| hint.value()),
        };
        let pattern =
            pattern.ok_or_else(|| fault(format!("{id} has no {}", if hint { "hint" } else { "words" })))?;
        Ok(bundle.format_pattern(pattern, None, &mut Vec::new()).into_owned())
    };
    let mut prompts = BTreeMap::new();
    for id in PROMPTS.map(key).into_iter().chain([LOST]) {
        prompts.insert(id, [text(id, false)?, text(id, true)?]);
    }
    Ok(Language {
        code: source.code,
        direction: source.direction,
        name: text("language", false)?,
        prompts,
        officer: text("officer", false)?,
        officer_called: text("officer_called", false)?,
        camera_on: text("camera_on", false)?,
        choose: text("choose", false)?,
    })
}

/// Every prompt there is.
pub const PROMPTS: [Prompt; 23] = [
    Prompt::Closed,
    Prompt::PlaceDocument,
    Prompt::ReadingDocument,
    Prompt::PlaceDocumentAgain,
    Prompt::WalkIn,
    Prompt::OnePersonOnly,
    Prompt::LookAtCamera,
    Prompt::LookWhileReading,
    Prompt::Adjust(QualityFlaw::TooFar),
    Prompt::Adjust(QualityFlaw::TooNear),
    Prompt::Adjust(QualityFlaw::OffCentre),
    Prompt::Adjust(QualityFlaw::Blurred),
    Prompt::Adjust(QualityFlaw::TooDark),
    Prompt::Adjust(QualityFlaw::TooBright),
    Prompt::Adjust(QualityFlaw::Turned),
    Prompt::Adjust(QualityFlaw::EyesClosed),
    Prompt::Adjust(QualityFlaw::MouthOpen),
    Prompt::Adjust(QualityFlaw::Covered),
    Prompt::Wait,
    Prompt::GoThrough,
    Prompt::TakeDocument,
    Prompt::TakeBelongings,
    Prompt::SeeOfficer,
];

/// The prompt's name on the page: of its pictogram, its words, its state.
pub fn key(prompt: Prompt) -> &'static str {
    match prompt {
        Prompt::Closed => "closed",
        Prompt::PlaceDocument => "place_document",
        Prompt::ReadingDocument => "reading_document",
        Prompt::PlaceDocumentAgain => "place_document_again",
        Prompt::WalkIn => "walk_in",
        Prompt::OnePersonOnly => "one_person_only",
        Prompt::LookAtCamera => "look_at_camera",
        Prompt::LookWhileReading => "look_while_reading",
        Prompt::Adjust(QualityFlaw::TooFar) => "too_far",
        Prompt::Adjust(QualityFlaw::TooNear) => "too_near",
        Prompt::Adjust(QualityFlaw::OffCentre) => "off_centre",
        Prompt::Adjust(QualityFlaw::Blurred) => "blurred",
        Prompt::Adjust(QualityFlaw::TooDark) => "too_dark",
        Prompt::Adjust(QualityFlaw::TooBright) => "too_bright",
        Prompt::Adjust(QualityFlaw::Turned) => "turned",
        Prompt::Adjust(QualityFlaw::EyesClosed) => "eyes_closed",
        Prompt::Adjust(QualityFlaw::MouthOpen) => "mouth_open",
        Prompt::Adjust(QualityFlaw::Covered) => "covered",
        Prompt::Wait => "wait",
        Prompt::GoThrough => "go_through",
        Prompt::TakeDocument => "take_document",
        Prompt::TakeBelongings => "take_belongings",
        Prompt::SeeOfficer => "see_officer",
    }
}

/// All words for the page: `{"first": code, "voice": whether to speak, "languages": [{"code", "name",
/// "direction", "prompts": {key: [instruction, hint]}, "officer", …}]}`.
pub(super) fn json(languages: &[Language], first: &str, voice: bool) -> String {
    let languages: Vec<Value> = languages
        .iter()
        .map(|language| {
            let prompts: Map<String, Value> =
                language.prompts.iter().map(|(key, words)| ((*key).to_owned(), json!(words))).collect();
            json!({
                "code": language.code,
                "name": language.name,
                "direction": language.direction,
                "prompts": prompts,
                "officer": language.officer,
                "officer_called": language.officer_called,
                "camera_on": language.camera_on,
                "choose": language.choose,
            })
        })
        .collect();
    json!({ "first": first, "voice": voice, "languages": languages }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// A line longer than this does not fit large on a display.
    const LETTERS_MOST: usize = 44;

    #[test]
    fn every_prompt_has_few_words_in_every_language() {
        for language in languages().unwrap() {
            assert_eq!(language.prompts.len(), PROMPTS.len() + 1, "{}", language.code);
            for line in language.prompts.values().flatten() {
                assert!(!line.trim().is_empty(), "{}", language.code);
                assert!(line.chars().count() <= LETTERS_MOST, "{line:?} is too long");
            }
        }
    }

    #[test]
    fn no_two_prompts_of_a_language_read_the_same() {
        for language in languages().unwrap() {
            let prompts = language.prompts.iter().filter(|(key, _)| **key != LOST);
            let instructions: HashSet<_> = prompts.map(|(_, words)| &words[0]).collect();
            assert_eq!(instructions.len(), PROMPTS.len(), "{}", language.code);
        }
    }

    #[test]
    fn a_file_without_a_prompt_is_refused_by_name() {
        let fluent = "language = X\nchoose = X\nofficer = X\nofficer_called = X\ncamera_on = X\n";
        let missing = read(&Source { code: "en", direction: "ltr", fluent, states: &[] }).unwrap_err();
        assert_eq!(missing.to_string(), "the screen's words in \"en\": closed has no words");
    }

    #[test]
    fn the_first_guess_follows_the_issuing_state() {
        assert_eq!(first_guess("D"), Some("de"));
        assert_eq!(first_guess("BRA"), Some("pt"));
        assert_eq!(first_guess("UTO"), None);
        let states: Vec<_> = SOURCES.iter().flat_map(|source| source.states).collect();
        assert_eq!(
            states.iter().collect::<HashSet<_>>().len(),
            states.len(),
            "a state is met in one language"
        );
    }

    #[test]
    fn every_prompt_has_a_pictogram_of_its_own() {
        let page = include_str!("page/screen.html");
        for name in PROMPTS.iter().map(|prompt| key(*prompt)).chain([LOST]) {
            assert_eq!(page.matches(&format!("id=\"pictogram-{name}\"")).count(), 1, "{name}");
        }
    }

    #[test]
    fn nothing_on_the_page_comes_from_elsewhere() {
        let files = [
            include_str!("page/screen.html"),
            include_str!("page/screen.css"),
            include_str!("page/screen.js"),
        ];
        for word in ["http:", "https:", "url(", "@import", "style=\"", "onclick", "innerHTML"] {
            assert!(files.iter().all(|file| !file.contains(word)), "{word}");
        }
    }
}
