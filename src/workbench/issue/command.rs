//! `egate issue`: a test document with its trust bundle in a folder; `egate card`: such a document on the
//! virtual reader.

use super::description::Description;
use super::{ChipPlan, Defect, DocumentOrder, Format, SignatureAlgorithm, TestCountry, folder};
use crate::chip::Media;
use crate::devices::card::SoftwarePassport;
use crate::devices::card::vpcd::{PORT, VirtualCard};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use image::{ImageFormat, Rgb, RgbImage};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::fs;
use std::io::{Cursor, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Years from today until an ordered document expires.
const VALIDITY_YEARS: i16 = 5;

/// Issue a test document with its PKI.
///
/// What is not said is that of a specimen passport whose chip is opened by BAC. With --seed and --at the
/// folder is the same each time, bit for bit.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  egate issue --out passport --defect signer-revoked\n  \
    egate inspect sod passport/EF_SOD.bin --trust passport/trust --dg 1=passport/DG1.bin\n\n  \
    egate issue --out card --format td1 --chip modern --seed 7 --at 2026-01-15\n  \
    egate issue --out passport --document config/test-document.toml\n  \
    egate issue --list-defects\n  \
    egate card passport        (lays it on the virtual reader of vpcd)")]
pub struct IssueArgs {
    /// Folder to write to; made if it is not there
    #[arg(long, value_name = "DIR", required_unless_present = "list_defects")]
    pub out: Option<PathBuf>,
    /// What is to be wrong with the document
    #[arg(long, value_enum, default_value_t = Defect::None, hide_possible_values = true)]
    pub defect: Defect,
    /// List the names of all defects and what they are
    #[arg(long)]
    pub list_defects: bool,
    /// Description in TOML; what is said beside it counts more
    #[arg(long, value_name = "FILE")]
    pub document: Option<PathBuf>,
    /// Size and form
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// What the chip can do
    #[arg(long, value_enum)]
    pub chip: Option<ChipKind>,
    /// How the country signs certificates: ecdsa-brainpoolp384r1-explicit-sha384, rsa-pss-3072-sha256 …
    #[arg(long, value_name = "ALGORITHM")]
    pub authority: Option<SignatureAlgorithm>,
    /// How the country signs documents
    #[arg(long, value_name = "ALGORITHM")]
    pub signer: Option<SignatureAlgorithm>,
    /// Text from which all keys follow; fresh ones without it
    #[arg(long, value_name = "TEXT")]
    pub seed: Option<String>,
    /// Day of issue, around which everything is valid; today without it
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub at: Option<Date>,
    /// Portrait for the chip, JPEG or JPEG 2000; a plain grey picture without it
    #[arg(long, value_name = "FILE")]
    pub portrait: Option<PathBuf>,
    /// Surname in capital letters
    #[arg(long)]
    pub surname: Option<String>,
    /// Given names in capital letters
    #[arg(long)]
    pub given_names: Option<String>,
    /// Document number
    #[arg(long)]
    pub number: Option<String>,
    /// Date of birth
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date_of_birth: Option<Date>,
    /// Date of expiry; in five years without it
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date_of_expiry: Option<Date>,
    /// M, F or <
    #[arg(long)]
    pub sex: Option<char>,
}

/// Chips by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ChipKind {
    /// Opened by BAC, proves nothing
    Bac,
    /// PACE and BAC, chip authentication, active authentication
    Modern,
    /// PACE with chip authentication mapping, no BAC
    Cam,
}

impl ChipKind {
    fn plan(self) -> ChipPlan {
        match self {
            ChipKind::Bac => ChipPlan::default(),
            ChipKind::Modern => ChipPlan::modern(),
            ChipKind::Cam => ChipPlan::chip_authentication_mapping(),
        }
    }
}

/// Writes the chip's files and keys, the printed lines (`mrz.txt`), the trust bundle (`trust/`) and the
/// country's lists (`lists/`).
///
/// # Errors
/// When a field does not fit, the portrait cannot be used, or a file cannot be written.
pub fn run(args: IssueArgs) -> Result<bool> {
    if args.list_defects {
        list_defects();
        return Ok(true);
    }
    let out = args.out.clone().context("--out is missing")?;
    let now = match args.at {
        Some(day) => day.at(12, 0, 0, 0).to_zoned(TimeZone::UTC)?.timestamp(),
        None => Timestamp::now(),
    };
    let description = described(&args)?;
    let country = match &args.seed {
        Some(seed) => TestCountry::planned(&description.country, now, seed.as_bytes()),
        None => {
            let mut seed = [0; 32];
            openssl::rand::rand_bytes(&mut seed)?;
            TestCountry::planned(&description.country, now, &seed)
        }
    }?;
    let document = country.issue_as(&description.document, &order(&description, now)?)?;
    folder::write(&out, &document, &country.trust_bundle()?, &country.lists()?)?;
    let mut description = description;
    // The portrait is in the chip now; its path would be wrong from within the folder.
    description.holder.portrait = None;
    let path = out.join("document.toml");
    fs::write(&path, toml::to_string(&description)?)
        .with_context(|| format!("writing {}", path.display()))?;
    println!("{}", document.printed.join("\n"));
    eprintln!("test document ({:?}) and its trust bundle written to {}", description.defect, out.display());
    Ok(true)
}

fn list_defects() {
    for defect in Defect::value_variants() {
        let Some(value) = defect.to_possible_value() else { continue };
        println!(
            "{:<30} {}",
            value.get_name(),
            value.get_help().map(ToString::to_string).unwrap_or_default()
        );
    }
}

/// The description in the file, or the default, with what the call says beside it.
fn described(args: &IssueArgs) -> Result<Description> {
    let mut whole = match &args.document {
        Some(path) => Description::read(path)?,
        None => Description::default(),
    };
    fn put<T: Clone>(field: &mut T, said: &Option<T>) {
        if let Some(said) = said {
            *field = said.clone();
        }
    }
    if args.defect != Defect::None {
        whole.defect = args.defect;
    }
    put(&mut whole.document.format, &args.format);
    put(&mut whole.document.chip, &args.chip.map(ChipKind::plan));
    put(&mut whole.country.authority, &args.authority);
    put(&mut whole.country.signer, &args.signer);
    let holder = &mut whole.holder;
    put(&mut holder.surname, &args.surname);
    put(&mut holder.given_names, &args.given_names);
    put(&mut holder.number, &args.number);
    put(&mut holder.date_of_birth, &args.date_of_birth);
    put(&mut holder.sex, &args.sex);
    holder.date_of_expiry = args.date_of_expiry.or(holder.date_of_expiry);
    holder.portrait = args.portrait.clone().or(holder.portrait.take());
    Ok(whole)
}

fn order(description: &Description, now: Timestamp) -> Result<DocumentOrder> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let in_years = || today.checked_add(jiff::Span::new().years(VALIDITY_YEARS));
    let holder = &description.holder;
    let nationality = holder.nationality.clone();
    Ok(DocumentOrder {
        surname: holder.surname.clone(),
        given_names: holder.given_names.clone(),
        number: holder.number.clone(),
        nationality: nationality.unwrap_or_else(|| description.country.alpha3.clone()),
        date_of_birth: holder.date_of_birth,
        date_of_expiry: holder.date_of_expiry.map_or_else(in_years, Ok)?,
        sex: holder.sex,
        portrait: portrait(holder.portrait.as_deref())?,
        defect: description.defect,
    })
}

fn portrait(path: Option<&Path>) -> Result<Vec<u8>> {
    let Some(path) = path else {
        let mut jpeg = Cursor::new(Vec::new());
        RgbImage::from_pixel(413, 531, Rgb([128; 3])).write_to(&mut jpeg, ImageFormat::Jpeg)?;
        return Ok(jpeg.into_inner());
    };
    let bytes = fs::read(path).with_context(|| format!("reading portrait {}", path.display()))?;
    if Media::of(&bytes).is_none() {
        bail!("{} is neither JPEG nor JPEG 2000", path.display());
    }
    Ok(bytes)
}

/// Lay an issued test document on the virtual reader.
///
/// pcscd must run with the virtual reader of the vsmartcard project (package vsmartcard-vpcd). The
/// document lies there until standard input ends.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  egate issue --out passport --chip modern\n  egate card passport")]
pub struct CardArgs {
    /// Folder that `egate issue` wrote
    pub folder: PathBuf,
    /// Where the virtual reader listens
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = SocketAddr::from(([127, 0, 0, 1], PORT)))]
    pub reader: SocketAddr,
    /// Seed of the chip's random numbers
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Serves the document until standard input ends.
///
/// # Errors
/// When the folder holds no document, or no virtual reader listens.
pub fn serve(args: &CardArgs) -> Result<bool> {
    let passport = SoftwarePassport::personalised(folder::read(&args.folder)?, args.seed);
    let card = VirtualCard::insert(passport, args.reader)
        .with_context(|| format!("no virtual reader listens at {}: start pcscd with vpcd", args.reader))?;
    eprintln!("{} lies on the reader until standard input ends", args.folder.display());
    let mut input = std::io::stdin().lock();
    let mut discarded = [0; 256];
    while input.read(&mut discarded)? > 0 {}
    if let Some(passport) = card.remove() {
        eprintln!("taken away; {} attempt(s) with a wrong key", passport.failed_attempts());
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chip_is_read_back_from_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let country = TestCountry::planned(&Default::default(), Timestamp::UNIX_EPOCH, b"x").unwrap();
        let mut chip = ChipPlan::modern();
        chip.chip_authentication.push(super::super::ChipAuthentication {
            parameters: super::super::DomainParameters::Dh2048Order256,
            cipher: super::super::Cipher::Aes256,
            id: Some(2),
        });
        chip.chip_authentication[0].id = Some(1);
        let kind = super::super::DocumentKind { chip, ..Default::default() };
        let order = order(&Description::default(), Timestamp::UNIX_EPOCH).unwrap();
        let document = country.issue_as(&kind, &order).unwrap();
        folder::write(folder.path(), &document, &[], &[]).unwrap();
        let (read, made) = (folder::read(folder.path()).unwrap(), document.personalisation().unwrap());
        assert_eq!(read.files, made.files);
        assert_eq!((read.key_information, read.can, read.bac), (made.key_information, made.can, made.bac));
        for (read, made) in read.chip_authentication.iter().zip(&made.chip_authentication) {
            assert_eq!(read.id, made.id);
            match made.id {
                Some(2) => {
                    let (read, made) = (read.key.dh().unwrap(), made.key.dh().unwrap());
                    assert_eq!(read.private_key(), made.private_key());
                    assert_eq!(read.prime_p(), made.prime_p());
                }
                _ => assert!(read.key.public_eq(&made.key)),
            }
        }
        let (read, made) = (read.active_authentication.unwrap(), made.active_authentication.unwrap());
        assert!(read.key.public_eq(&made.key) && read.digest == made.digest);
    }
}
