//! Every word on the traveller's screen, in one place.
//!
//! A prompt without words in some language does not compile. Words are short, kind, and never say why:
//! a traveller who is referred reads the same as one who asked for help.

use crate::face::QualityFlaw;
use crate::passage::Prompt;
use serde_json::{Map, Value, json};

/// The instruction, and a hint below it.
pub type Words = [&'static str; 2];

/// One language of the screen.
pub struct Language {
    /// BCP 47 code.
    pub code: &'static str,
    /// Its own name, on the button.
    pub name: &'static str,
    /// Direction of writing, `ltr` or `rtl`.
    pub direction: &'static str,
    /// The words for a prompt.
    pub words: fn(Prompt) -> Words,
    /// When the page does not hear the lane.
    pub lost: Words,
    /// Button that calls an officer.
    pub officer: &'static str,
    /// The same button after it was touched.
    pub officer_called: &'static str,
    /// Beside the light that says that the camera films.
    pub camera_on: &'static str,
    /// Names the choice of language to a screen reader.
    pub choose: &'static str,
}

/// The languages, in the order of the buttons.
pub const LANGUAGES: [Language; 5] = [
    Language {
        code: "en",
        name: "English",
        direction: "ltr",
        words: english,
        lost: ["Please wait for an officer", "Somebody will be with you shortly."],
        officer: "Call an officer",
        officer_called: "An officer is on the way",
        camera_on: "Camera on",
        choose: "Language",
    },
    Language {
        code: "de",
        name: "Deutsch",
        direction: "ltr",
        words: german,
        lost: ["Bitte warten Sie auf das Personal", "Es ist gleich jemand bei Ihnen."],
        officer: "Personal rufen",
        officer_called: "Es kommt gleich jemand",
        camera_on: "Kamera an",
        choose: "Sprache",
    },
    Language {
        code: "fr",
        name: "Français",
        direction: "ltr",
        words: french,
        lost: ["Veuillez attendre un agent", "Quelqu’un arrive dans un instant."],
        officer: "Appeler un agent",
        officer_called: "Un agent arrive",
        camera_on: "Caméra active",
        choose: "Langue",
    },
    Language {
        code: "es",
        name: "Español",
        direction: "ltr",
        words: spanish,
        lost: ["Espere a un agente, por favor", "Enseguida le atenderán."],
        officer: "Llamar a un agente",
        officer_called: "Un agente está en camino",
        camera_on: "Cámara activa",
        choose: "Idioma",
    },
    Language {
        code: "ar",
        name: "العربية",
        direction: "rtl",
        words: arabic,
        lost: ["يُرجى انتظار الموظف", "سيصل إليك أحد الموظفين بعد لحظات."],
        officer: "استدعاء موظف",
        officer_called: "الموظف في الطريق إليك",
        camera_on: "الكاميرا تعمل",
        choose: "اللغة",
    },
];

/// Every prompt there is.
pub const PROMPTS: [Prompt; 18] = [
    Prompt::Closed,
    Prompt::PlaceDocument,
    Prompt::ReadingDocument,
    Prompt::PlaceDocumentAgain,
    Prompt::WalkIn,
    Prompt::OnePersonOnly,
    Prompt::LookAtCamera,
    Prompt::Adjust(QualityFlaw::TooFar),
    Prompt::Adjust(QualityFlaw::TooNear),
    Prompt::Adjust(QualityFlaw::OffCentre),
    Prompt::Adjust(QualityFlaw::Blurred),
    Prompt::Adjust(QualityFlaw::TooDark),
    Prompt::Adjust(QualityFlaw::TooBright),
    Prompt::Adjust(QualityFlaw::Turned),
    Prompt::Wait,
    Prompt::GoThrough,
    Prompt::TakeDocument,
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
        Prompt::Adjust(QualityFlaw::TooFar) => "too_far",
        Prompt::Adjust(QualityFlaw::TooNear) => "too_near",
        Prompt::Adjust(QualityFlaw::OffCentre) => "off_centre",
        Prompt::Adjust(QualityFlaw::Blurred) => "blurred",
        Prompt::Adjust(QualityFlaw::TooDark) => "too_dark",
        Prompt::Adjust(QualityFlaw::TooBright) => "too_bright",
        Prompt::Adjust(QualityFlaw::Turned) => "turned",
        Prompt::Wait => "wait",
        Prompt::GoThrough => "go_through",
        Prompt::TakeDocument => "take_document",
        Prompt::SeeOfficer => "see_officer",
    }
}

/// All words for the page: `{"first": code, "languages": [{"code", "name", "direction", "prompts": {key:
/// [instruction, hint]}, "officer", …}]}`. The state in which the lane is not heard is the prompt `lost`.
pub(super) fn json(first: &str) -> String {
    let languages: Vec<Value> = LANGUAGES
        .iter()
        .map(|language| {
            let mut prompts: Map<String, Value> = PROMPTS
                .iter()
                .map(|prompt| (key(*prompt).to_owned(), json!((language.words)(*prompt))))
                .collect();
            prompts.insert("lost".to_owned(), json!(language.lost));
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
    json!({ "first": first, "languages": languages }).to_string()
}

fn english(prompt: Prompt) -> Words {
    match prompt {
        Prompt::Closed => ["This lane is closed", "Please use another lane."],
        Prompt::PlaceDocument => ["Place your passport on the reader", "Open at the photo page, face down."],
        Prompt::ReadingDocument => ["Leave it there", "Your passport is being read."],
        Prompt::PlaceDocumentAgain => ["Place it once more, please", "Photo page flat on the glass."],
        Prompt::WalkIn => ["Please walk in", "Take your passport and your luggage."],
        Prompt::OnePersonOnly => ["One person at a time", "Please enter alone."],
        Prompt::LookAtCamera => ["Look at the camera", "Stand on the mark, face uncovered."],
        Prompt::Adjust(flaw) => match flaw {
            QualityFlaw::TooFar => ["Come closer", "A small step forward."],
            QualityFlaw::TooNear => ["Step back", "A small step is enough."],
            QualityFlaw::OffCentre => ["Move to the middle", "Fill the outline with your face."],
            QualityFlaw::Blurred => ["Keep still", "Only for a moment."],
            QualityFlaw::TooDark => ["Lift your head", "Please take off hat or hood."],
            QualityFlaw::TooBright => ["Turn away from the light", "A small step is enough."],
            QualityFlaw::Turned => ["Look straight ahead", "Face towards the camera."],
        },
        Prompt::Wait => ["One moment, please", "It only takes a few seconds."],
        Prompt::GoThrough => ["Please go through", "Have a good journey."],
        Prompt::TakeDocument => ["Take your passport", "And all your belongings."],
        Prompt::SeeOfficer => ["An officer will help you", "Please wait here a moment."],
    }
}

fn german(prompt: Prompt) -> Words {
    match prompt {
        Prompt::Closed => ["Diese Spur ist geschlossen", "Bitte nehmen Sie eine andere."],
        Prompt::PlaceDocument => ["Legen Sie Ihren Pass auf das Lesegerät", "Fotoseite nach unten."],
        Prompt::ReadingDocument => ["Bitte liegen lassen", "Ihr Pass wird gelesen."],
        Prompt::PlaceDocumentAgain => ["Bitte noch einmal auflegen", "Fotoseite flach auf das Glas."],
        Prompt::WalkIn => ["Bitte treten Sie ein", "Pass und Gepäck mitnehmen."],
        Prompt::OnePersonOnly => ["Bitte einzeln eintreten", "Nur eine Person."],
        Prompt::LookAtCamera => ["Schauen Sie in die Kamera", "Auf die Markierung, Gesicht frei."],
        Prompt::Adjust(flaw) => match flaw {
            QualityFlaw::TooFar => ["Kommen Sie näher", "Ein kleiner Schritt nach vorn."],
            QualityFlaw::TooNear => ["Einen Schritt zurück", "Ein kleiner Schritt genügt."],
            QualityFlaw::OffCentre => ["Bitte in die Mitte", "Füllen Sie den Umriss mit dem Gesicht."],
            QualityFlaw::Blurred => ["Bitte stillhalten", "Nur einen Augenblick."],
            QualityFlaw::TooDark => ["Heben Sie den Kopf", "Bitte Hut oder Kapuze abnehmen."],
            QualityFlaw::TooBright => ["Etwas weg vom Licht", "Ein kleiner Schritt genügt."],
            QualityFlaw::Turned => ["Schauen Sie geradeaus", "Das Gesicht zur Kamera."],
        },
        Prompt::Wait => ["Einen Moment, bitte", "Es dauert nur wenige Sekunden."],
        Prompt::GoThrough => ["Bitte gehen Sie durch", "Gute Reise."],
        Prompt::TakeDocument => ["Nehmen Sie Ihren Pass", "Und alle Ihre Sachen."],
        Prompt::SeeOfficer => ["Unser Personal hilft Ihnen", "Bitte warten Sie hier einen Moment."],
    }
}

fn french(prompt: Prompt) -> Words {
    match prompt {
        Prompt::Closed => ["Ce passage est fermé", "Veuillez en prendre un autre."],
        Prompt::PlaceDocument => ["Posez votre passeport sur le lecteur", "Page photo vers le bas."],
        Prompt::ReadingDocument => ["Laissez-le en place", "Lecture de votre passeport."],
        Prompt::PlaceDocumentAgain => ["Posez-le encore une fois", "Page photo à plat sur la vitre."],
        Prompt::WalkIn => ["Veuillez entrer", "Prenez passeport et bagages."],
        Prompt::OnePersonOnly => ["Une seule personne à la fois", "Entrez l’un après l’autre."],
        Prompt::LookAtCamera => ["Regardez la caméra", "Sur le repère, visage découvert."],
        Prompt::Adjust(flaw) => match flaw {
            QualityFlaw::TooFar => ["Approchez-vous", "Un petit pas en avant."],
            QualityFlaw::TooNear => ["Reculez un peu", "Un petit pas suffit."],
            QualityFlaw::OffCentre => ["Placez-vous au milieu", "Le visage dans le contour."],
            QualityFlaw::Blurred => ["Ne bougez plus", "Juste un instant."],
            QualityFlaw::TooDark => ["Levez la tête", "Retirez chapeau ou capuche."],
            QualityFlaw::TooBright => ["Écartez-vous de la lumière", "Un petit pas suffit."],
            QualityFlaw::Turned => ["Regardez droit devant", "Le visage vers la caméra."],
        },
        Prompt::Wait => ["Un instant, s’il vous plaît", "Quelques secondes suffisent."],
        Prompt::GoThrough => ["Vous pouvez passer", "Bon voyage."],
        Prompt::TakeDocument => ["Reprenez votre passeport", "Et toutes vos affaires."],
        Prompt::SeeOfficer => ["Un agent va vous aider", "Veuillez patienter ici un instant."],
    }
}

fn spanish(prompt: Prompt) -> Words {
    match prompt {
        Prompt::Closed => ["Este paso está cerrado", "Utilice otro, por favor."],
        Prompt::PlaceDocument => ["Coloque su pasaporte en el lector", "Página de la foto hacia abajo."],
        Prompt::ReadingDocument => ["No lo retire", "Estamos leyendo su pasaporte."],
        Prompt::PlaceDocumentAgain => {
            ["Colóquelo otra vez, por favor", "Página de la foto sobre el cristal."]
        }
        Prompt::WalkIn => ["Pase, por favor", "Lleve su pasaporte y su equipaje."],
        Prompt::OnePersonOnly => ["De uno en uno", "Entre solo una persona."],
        Prompt::LookAtCamera => ["Mire a la cámara", "Sobre la marca, cara descubierta."],
        Prompt::Adjust(flaw) => match flaw {
            QualityFlaw::TooFar => ["Acérquese", "Un paso corto adelante."],
            QualityFlaw::TooNear => ["Retroceda un poco", "Basta un paso corto."],
            QualityFlaw::OffCentre => ["Sitúese en el centro", "La cara dentro del contorno."],
            QualityFlaw::Blurred => ["No se mueva", "Solo un momento."],
            QualityFlaw::TooDark => ["Levante la cabeza", "Quítese gorro o capucha."],
            QualityFlaw::TooBright => ["Apártese de la luz", "Basta un paso corto."],
            QualityFlaw::Turned => ["Mire al frente", "La cara hacia la cámara."],
        },
        Prompt::Wait => ["Un momento, por favor", "Solo tarda unos segundos."],
        Prompt::GoThrough => ["Puede pasar", "Buen viaje."],
        Prompt::TakeDocument => ["Recoja su pasaporte", "Y todas sus pertenencias."],
        Prompt::SeeOfficer => ["Un agente le ayudará", "Espere aquí un momento, por favor."],
    }
}

fn arabic(prompt: Prompt) -> Words {
    match prompt {
        Prompt::Closed => ["هذا الممر مغلق", "يُرجى استخدام ممر آخر."],
        Prompt::PlaceDocument => ["ضع جواز سفرك على القارئ", "صفحة الصورة إلى الأسفل."],
        Prompt::ReadingDocument => ["اتركه في مكانه", "تجري قراءة جواز سفرك."],
        Prompt::PlaceDocumentAgain => ["ضعه مرة أخرى من فضلك", "صفحة الصورة مسطحة على الزجاج."],
        Prompt::WalkIn => ["تفضل بالدخول", "خذ جواز سفرك وأمتعتك."],
        Prompt::OnePersonOnly => ["شخص واحد في كل مرة", "يُرجى الدخول منفردًا."],
        Prompt::LookAtCamera => ["انظر إلى الكاميرا", "قف على العلامة واكشف وجهك."],
        Prompt::Adjust(flaw) => match flaw {
            QualityFlaw::TooFar => ["اقترب قليلًا", "خطوة صغيرة إلى الأمام."],
            QualityFlaw::TooNear => ["ارجع قليلًا", "تكفي خطوة صغيرة."],
            QualityFlaw::OffCentre => ["تحرك إلى الوسط", "اجعل وجهك داخل الإطار."],
            QualityFlaw::Blurred => ["لا تتحرك", "لحظة واحدة فقط."],
            QualityFlaw::TooDark => ["ارفع رأسك", "انزع القبعة من فضلك."],
            QualityFlaw::TooBright => ["ابتعد قليلًا عن الضوء", "تكفي خطوة صغيرة."],
            QualityFlaw::Turned => ["انظر إلى الأمام", "وجهك نحو الكاميرا."],
        },
        Prompt::Wait => ["لحظة من فضلك", "لن يستغرق الأمر سوى ثوانٍ."],
        Prompt::GoThrough => ["تفضل بالمرور", "رحلة سعيدة."],
        Prompt::TakeDocument => ["خذ جواز سفرك", "وجميع أغراضك."],
        Prompt::SeeOfficer => ["سيساعدك أحد الموظفين", "يُرجى الانتظار هنا لحظة."],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// A line longer than this does not fit large on a display.
    const LETTERS_MOST: usize = 44;

    #[test]
    fn every_prompt_has_few_words_in_every_language() {
        for language in &LANGUAGES {
            for prompt in PROMPTS {
                for line in (language.words)(prompt) {
                    assert!(!line.trim().is_empty(), "{prompt:?} in {}", language.code);
                    assert!(line.chars().count() <= LETTERS_MOST, "{line:?} is too long");
                }
            }
        }
    }

    #[test]
    fn no_two_prompts_of_a_language_read_the_same() {
        for language in &LANGUAGES {
            let instructions: HashSet<_> =
                PROMPTS.iter().map(|prompt| (language.words)(*prompt)[0]).collect();
            assert_eq!(instructions.len(), PROMPTS.len(), "{}", language.code);
        }
    }

    #[test]
    fn every_prompt_has_a_pictogram_of_its_own() {
        let page = include_str!("page/screen.html");
        for name in PROMPTS.iter().map(|prompt| key(*prompt)).chain(["lost"]) {
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
