//! What the demonstration plays: who comes with which document, what is done, and what must come out.

use crate::check::Reason;
use crate::devices::card::Attack;
use crate::passage::Ending;
use crate::policy::Topology;
use crate::workbench::issue::Defect;

/// Who stands before the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Presented {
    /// The holder.
    Holder,
    /// Somebody else.
    Other,
    /// A printed photograph of the holder.
    Print,
    /// A screen that shows the holder.
    Screen,
    /// The holder and somebody behind.
    TwoPersons,
}

/// What the traveller does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduct {
    /// Goes through as told.
    Straight,
    /// Goes in together with somebody.
    Accompanied,
    /// Places the document and goes away.
    WalksAway,
    /// Never takes the document from the reader.
    Forgets,
    /// Leaves a bag in the cabin.
    LeavesObject,
}

/// What is the matter with central.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CentralIs {
    /// There, and knows nothing.
    There,
    /// There, and has the document as stolen.
    Warned,
    /// Not to be reached until the passage is over.
    Away,
}

/// One passage of the demonstration.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// From 1.
    pub number: usize,
    /// Short, for folders.
    pub key: &'static str,
    /// In words.
    pub title: &'static str,
    /// Before the camera.
    pub presented: Presented,
    /// Of the document.
    pub defect: Defect,
    /// Of the chip: what it does that a genuine one does not.
    pub chip: &'static [Attack],
    /// Of the traveller.
    pub conduct: Conduct,
    /// Of central.
    pub central: CentralIs,
    /// What must come out.
    pub ending: Ending,
    /// And why; exactly these.
    pub reasons: &'static [Reason],
}

/// A holder with a good document and nothing amiss: what each scenario differs from.
const GOOD: Scenario = Scenario {
    number: 1,
    key: "holder",
    title: "holder with own passport",
    presented: Presented::Holder,
    defect: Defect::None,
    chip: &[],
    conduct: Conduct::Straight,
    central: CentralIs::There,
    ending: Ending::Admitted,
    reasons: &[],
};

/// A scenario that ends with an officer.
const REFERRED: Scenario = Scenario { ending: Ending::Referred, ..GOOD };

/// The passages in order.
pub const SCENARIOS: [Scenario; 17] = [
    GOOD,
    Scenario {
        number: 2,
        key: "other-person",
        title: "another person with that passport",
        presented: Presented::Other,
        reasons: &[Reason::FaceMismatch],
        ..REFERRED
    },
    Scenario {
        number: 3,
        key: "photograph",
        title: "a printed photograph before the camera",
        presented: Presented::Print,
        reasons: &[Reason::PresentationAttack],
        ..REFERRED
    },
    Scenario {
        number: 4,
        key: "portrait-replaced",
        title: "portrait in the chip replaced",
        defect: Defect::PortraitReplaced,
        reasons: &[Reason::DataGroupHashWrong],
        ..REFERRED
    },
    Scenario {
        number: 5,
        key: "unknown-country",
        title: "signed by a country that nobody trusts",
        defect: Defect::UnknownCountry,
        reasons: &[Reason::SignerUntrusted],
        ..REFERRED
    },
    Scenario {
        number: 6,
        key: "signer-revoked",
        title: "document signer revoked",
        defect: Defect::SignerRevoked,
        reasons: &[Reason::SignerRevoked],
        ..REFERRED
    },
    Scenario {
        number: 7,
        key: "expired",
        title: "document expired",
        defect: Defect::Expired,
        reasons: &[Reason::DocumentExpired],
        ..REFERRED
    },
    Scenario {
        number: 8,
        key: "lines-differ",
        title: "printed lines and chip disagree",
        defect: Defect::PrintedLinesDiffer,
        reasons: &[Reason::MrzDisagreesWithChip],
        ..REFERRED
    },
    Scenario {
        number: 9,
        key: "stolen",
        title: "document reported stolen",
        central: CentralIs::Warned,
        reasons: &[Reason::DocumentReported],
        ..REFERRED
    },
    Scenario {
        number: 10,
        key: "two-persons",
        title: "two people in the cabin",
        presented: Presented::TwoPersons,
        conduct: Conduct::Accompanied,
        reasons: &[Reason::SeveralPersons],
        ..REFERRED
    },
    Scenario {
        number: 11,
        key: "walks-away",
        title: "traveller walks away",
        conduct: Conduct::WalksAway,
        ending: Ending::Withdrawn,
        reasons: &[Reason::TravellerLeft],
        ..GOOD
    },
    Scenario {
        number: 12,
        key: "central-away",
        title: "central unreachable; the record arrives later",
        central: CentralIs::Away,
        reasons: &[Reason::LookupUnavailable],
        ..REFERRED
    },
    Scenario {
        number: 13,
        key: "screen",
        title: "a screen before the camera",
        presented: Presented::Screen,
        reasons: &[Reason::PresentationAttack],
        ..REFERRED
    },
    Scenario {
        number: 14,
        key: "copied-chip",
        title: "a copy of the chip, all files genuine",
        chip: &[Attack::CloneWithoutChipAuthentication, Attack::CloneWithoutActiveAuthentication],
        reasons: &[Reason::ChipAuthenticationFailed],
        ..REFERRED
    },
    Scenario {
        number: 15,
        key: "second-face",
        title: "somebody else looks into the camera, too",
        presented: Presented::TwoPersons,
        reasons: &[Reason::SeveralFaces],
        ..REFERRED
    },
    Scenario {
        number: 16,
        key: "document-left",
        title: "passport forgotten on the reader",
        conduct: Conduct::Forgets,
        reasons: &[Reason::DocumentLeft],
        ..REFERRED
    },
    Scenario {
        number: 17,
        key: "object-left",
        title: "a bag left in the cabin",
        conduct: Conduct::LeavesObject,
        reasons: &[Reason::ObjectLeft],
        ..REFERRED
    },
];

/// The passages that a gate so built can play: where nobody lays a document before the entrance, nobody walks away
/// from it there.
pub fn scenarios(topology: Topology) -> impl Iterator<Item = &'static Scenario> {
    let plays =
        move |scenario: &&Scenario| topology == Topology::TwoStep || scenario.conduct != Conduct::WalksAway;
    SCENARIOS.iter().filter(plays)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_has_its_number_and_only_one_admits() {
        for (place, scenario) in SCENARIOS.iter().enumerate() {
            assert_eq!(scenario.number, place + 1);
        }
        let admitted = SCENARIOS.iter().filter(|s| s.ending == Ending::Admitted).count();
        assert_eq!(admitted, 1);
    }
}
