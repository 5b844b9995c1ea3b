//! What is done while a chip is in the field, in order: open, read, prove; and again from the beginning, within a
//! bound, when the chip was lost in between.
//!
//! Files that are complete are not read a second time. Proofs are: what counts is the chip that is there at
//! the end. A chip that fails chip authentication has made new session keys that it does not have; it is
//! opened anew and the rest is read, so that the officer sees what the copy shows.

use super::access::{self, MappingData, Offer};
use super::apdu::Command;
use super::authenticity::{ChipAuthentication, active_authentication, chip_authentication, mapping_proof};
use super::error::ChipError;
use super::files::parse_atr_info;
use super::link::{Link, REFUSED};
use super::listed_groups::listed_groups;
use super::mailbox::Mailbox;
use super::plan::{AccessKey, ChipReading, FileId, ReadingPlan};
use super::proof::{Proof, Proofs};
use super::random::RandomBytes;
use super::reading::{read_file, select_application, select_master_file};
use super::security_infos::SecurityInfos;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How often a session begins anew after the chip was lost.
const MAX_RESTARTS: u32 = 2;

/// What has been read, shared with the session that is asked for it meanwhile.
#[derive(Clone, Default)]
pub(super) struct Progress(Arc<Mutex<ChipReading>>);

impl Progress {
    pub(super) fn reading(&self) -> MutexGuard<'_, ChipReading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, file: FileId) -> Option<Vec<u8>> {
        self.reading().files.get(&file).cloned()
    }

    fn keep(&self, file: FileId, content: Result<Vec<u8>, String>) {
        let mut reading = self.reading();
        match content {
            Ok(content) => reading.files.insert(file, content).map(drop),
            Err(why) => reading.missing.insert(file, why).map(drop),
        };
    }
}

/// The whole session as a traveller's chip sees it.
pub(super) async fn run(
    mailbox: Mailbox,
    progress: Progress,
    access: AccessKey,
    plan: ReadingPlan,
    random: RandomBytes,
) -> Result<ChipReading, ChipError> {
    let mut visit = Visit { progress, access, plan, random, pending: None };
    for restart in 0..=MAX_RESTARTS {
        let mut link = Link::new(mailbox.clone(), restart > 0);
        let error = match visit.once(&mut link).await {
            Ok(()) => return Ok(visit.progress.reading().clone()),
            Err(error) => error,
        };
        let refuted = !link.confirmed() && (error == ChipError::SecureMessaging || error == REFUSED);
        if refuted {
            visit.refute("the chip does not go on under the keys that it should have");
        }
        if !(refuted || matches!(error, ChipError::Lost(_))) || restart == MAX_RESTARTS {
            return visit.ended_early(refuted, error);
        }
        if let Err(why) = mailbox.reconnect().await {
            return visit.ended_early(refuted, ChipError::Lost(why));
        }
        visit.begin_anew();
    }
    Err(ChipError::Lost("too often".to_owned()))
}

struct Visit {
    progress: Progress,
    access: AccessKey,
    plan: ReadingPlan,
    random: RandomBytes,
    /// The key whose owner the next protected answer shows the chip to be.
    pending: Option<Vec<u8>>,
}

impl Visit {
    /// From the first command to the last, once.
    async fn once(&mut self, link: &mut Link) -> Result<(), ChipError> {
        let offered = self.read_master_file(link).await?;
        let opened = access::open(link, &self.access, offered.as_ref(), &mut self.random).await?;
        self.progress.reading().access = opened.name;
        if let Some(data) = &opened.mapping {
            self.prove_mapping(link, data).await?;
        }
        if !opened.application {
            select_application(link).await?;
        }
        for file in self.plan.files.clone() {
            let before_portrait = matches!(file, FileId::Sod | FileId::Com | FileId::Dg(1 | 14));
            if !before_portrait {
                self.authenticate_chip(link).await?;
            }
            self.read(link, file).await?;
            if file == FileId::Dg(15) {
                self.authenticate_actively(link).await?;
            }
        }
        self.authenticate_chip(link).await?;
        self.confirm(link).await
    }

    /// EF.CardAccess and EF.ATR/INFO where they are, EF.DIR where it is wanted. What is not there is not
    /// missing: only newer chips have these.
    async fn read_master_file(&mut self, link: &mut Link) -> Result<Option<SecurityInfos>, ChipError> {
        let mut wanted = vec![FileId::CardAccess, FileId::AtrInfo];
        wanted.extend(self.plan.files.iter().filter(|file| **file == FileId::Dir));
        let short_identifiers = link.habits.short_identifiers;
        for file in wanted {
            if self.progress.file(file).is_some() {
                continue;
            }
            let mut content = read_file(link, file).await?;
            if content.is_err() && file == FileId::CardAccess && select_master_file(link).await? {
                content = read_file(link, file).await?;
            }
            if let Ok(content) = content {
                self.progress.keep(file, Ok(content));
            }
        }
        // What files outside the application say of habits is no rule for those inside.
        link.habits.short_identifiers = short_identifiers;
        if let Some(file) = self.progress.file(FileId::AtrInfo) {
            // What is broken promises nothing.
            link.set_limits(parse_atr_info(&file).unwrap_or_default());
        }
        let offered = self.progress.file(FileId::CardAccess);
        Ok(offered
            .and_then(|file| SecurityInfos::parse(&file).ok())
            .filter(|infos| Offer::best(infos).is_some()))
    }

    /// The proof of PACE's mapping, by the keys of EF.CardSecurity.
    async fn prove_mapping(&mut self, link: &mut Link, data: &MappingData) -> Result<(), ChipError> {
        if self.progress.file(FileId::CardSecurity).is_none() {
            let content = read_file(link, FileId::CardSecurity).await?;
            self.progress.keep(FileId::CardSecurity, content);
        }
        let mut reading = self.progress.reading();
        let file = reading.files.get(&FileId::CardSecurity).map(Vec::as_slice);
        let why = reading.missing.get(&FileId::CardSecurity).map_or("not read", String::as_str);
        let proof = mapping_proof(data, file.ok_or(why));
        reading.proofs.mapping = Some(proof);
        Ok(())
    }

    /// One file of the application, unless it is there already, of no use or not for a gate to read.
    async fn read(&mut self, link: &mut Link, file: FileId) -> Result<(), ChipError> {
        let of_use = match file {
            FileId::Dg(3 | 4) => false,
            FileId::Dg(15) => self.wants_more_proof(),
            other => !other.in_master_file(),
        };
        if !of_use || self.progress.file(file).is_some() {
            return Ok(());
        }
        let content = match (file, self.progress.file(FileId::Sod).as_deref().and_then(listed_groups)) {
            (FileId::Dg(number), Some(listed)) if !listed.contains(&number) => {
                Err("not listed in EF.SOD".to_owned())
            }
            _ => read_file(link, file).await?,
        };
        self.progress.keep(file, content);
        self.note_confirmation(link);
        Ok(())
    }

    /// Whether a further proof is asked for.
    fn wants_more_proof(&self) -> bool {
        let reading = self.progress.reading();
        let Proofs { chip_authentication, mapping, .. } = &reading.proofs;
        let shown = |proof: &Option<Proof>| matches!(proof, Some(Proof::Shown { .. }));
        self.plan.every_proof || !(shown(chip_authentication) || shown(mapping) || self.pending.is_some())
    }

    /// Chip authentication, once DG14 is there.
    async fn authenticate_chip(&mut self, link: &mut Link) -> Result<(), ChipError> {
        let asked = self.pending.is_some() || self.progress.reading().proofs.chip_authentication.is_some();
        if asked || !self.wants_more_proof() {
            return Ok(());
        }
        let Some(file) = self.progress.file(FileId::Dg(14)) else { return Ok(()) };
        let outcome = match SecurityInfos::parse_dg14(&file) {
            Ok(infos) => chip_authentication(link, &infos, &mut self.random).await?,
            Err(error) => ChipAuthentication::Impossible(error.to_string()),
        };
        let proof = match outcome {
            ChipAuthentication::NotOffered => return Ok(()),
            ChipAuthentication::Agreed { public_key } => {
                self.pending = Some(public_key);
                return Ok(());
            }
            ChipAuthentication::Impossible(why) => Proof::Impossible(why),
            ChipAuthentication::Refused(status) => {
                Proof::Refuted(format!("chip authentication answered {status}"))
            }
        };
        self.progress.reading().proofs.chip_authentication = Some(proof);
        Ok(())
    }

    /// A protected answer under the new keys has verified: only the private key's owner could give it.
    fn note_confirmation(&mut self, link: &Link) {
        if link.confirmed()
            && let Some(public_key) = self.pending.take()
        {
            self.progress.reading().proofs.chip_authentication = Some(Proof::Shown { public_key });
        }
    }

    /// Has the chip answer once more where nothing was read under the new keys.
    async fn confirm(&mut self, link: &mut Link) -> Result<(), ChipError> {
        if self.pending.is_some() {
            let identifier = FileId::Sod.identifier().to_be_bytes();
            link.transmit(&Command::new(0, 0xA4, 0x02, 0x0C).with_data(identifier)).await?;
            self.note_confirmation(link);
        }
        if self.pending.is_some() {
            self.refute("the chip gives no protected answer after chip authentication");
        }
        Ok(())
    }

    /// Active authentication, with what DG14 says of it.
    async fn authenticate_actively(&mut self, link: &mut Link) -> Result<(), ChipError> {
        let Some(file) = self.progress.file(FileId::Dg(15)) else { return Ok(()) };
        if !self.wants_more_proof() {
            return Ok(());
        }
        let infos = self.progress.file(FileId::Dg(14)).and_then(|file| SecurityInfos::parse_dg14(&file).ok());
        let info = infos.as_ref().and_then(|infos| infos.active_authentication.first());
        let proof = active_authentication(link, &file, info, &mut self.random).await?;
        self.progress.reading().proofs.active_authentication = Some(proof);
        self.note_confirmation(link);
        Ok(())
    }

    fn refute(&mut self, why: &str) {
        self.pending = None;
        self.progress.reading().proofs.chip_authentication = Some(Proof::Refuted(why.to_owned()));
    }

    /// Forgets what only the chip of before has shown; that it has failed is remembered.
    fn begin_anew(&mut self) {
        self.pending = None;
        let mut reading = self.progress.reading();
        let refuted = reading.proofs.chip_authentication.take();
        reading.proofs = Proofs {
            chip_authentication: refuted.filter(|proof| matches!(proof, Proof::Refuted(_))),
            ..Proofs::default()
        };
        reading.missing.clear();
    }

    /// A chip that has failed its proof is judged by what was read, not by how the session ended.
    fn ended_early(&self, refuted: bool, error: ChipError) -> Result<ChipReading, ChipError> {
        if !refuted {
            return Err(error);
        }
        let mut reading = self.progress.reading().clone();
        for file in &self.plan.files {
            if !reading.files.contains_key(file) {
                reading.missing.entry(*file).or_insert_with(|| error.to_string());
            }
        }
        Ok(reading)
    }
}
