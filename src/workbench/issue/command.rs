//! `egate issue`: a test passport with its trust bundle in a folder.

use super::{Defect, DocumentOrder, TestCountry};
use crate::chip::{FileId, Media};
use anyhow::{Context, Result, bail};
use image::{ImageFormat, Rgb, RgbImage};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

/// Years from today until an ordered document expires.
const VALIDITY_YEARS: i16 = 5;

/// Issue a test passport with its PKI.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  egate issue --out passport --defect signer-revoked\n  \
    egate inspect sod passport/EF_SOD.bin --trust passport/trust --dg 1=passport/DG1.bin")]
pub struct IssueArgs {
    /// Folder to write to; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// What is to be wrong with the document
    #[arg(long, value_enum, default_value_t = Defect::None)]
    pub defect: Defect,
    /// Portrait for the chip, JPEG or JPEG 2000; a plain grey picture without it
    #[arg(long, value_name = "FILE")]
    pub portrait: Option<PathBuf>,
    /// Surname in capital letters
    #[arg(long, default_value = "ERIKSSON")]
    pub surname: String,
    /// Given names in capital letters
    #[arg(long, default_value = "ANNA MARIA")]
    pub given_names: String,
    /// Document number
    #[arg(long, default_value = "L898902C3")]
    pub number: String,
    /// Date of birth
    #[arg(long, value_name = "YYYY-MM-DD", default_value = "1974-08-12")]
    pub date_of_birth: Date,
    /// Date of expiry; in five years without it
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date_of_expiry: Option<Date>,
    /// M, F or <
    #[arg(long, default_value_t = 'F')]
    pub sex: char,
}

/// Writes the chip's files, the printed lines (`mrz.txt`) and the trust bundle (`trust/`).
///
/// # Errors
/// When a field does not fit, the portrait cannot be used, or a file cannot be written.
pub fn run(args: IssueArgs) -> Result<bool> {
    let now = Timestamp::now();
    let order = order(&args, now)?;
    let country = TestCountry::new("UTO", "UT", now)?;
    let document = country.issue(&order)?;
    for (id, content) in &document.files {
        let name = match id {
            FileId::Com => "EF_COM.bin".to_owned(),
            FileId::Sod => "EF_SOD.bin".to_owned(),
            FileId::Dg(number) => format!("DG{number}.bin"),
            FileId::CardAccess => "EF_CardAccess.bin".to_owned(),
            FileId::CardSecurity => "EF_CardSecurity.bin".to_owned(),
            FileId::AtrInfo => "EF_ATR_INFO.bin".to_owned(),
            FileId::Dir => "EF_DIR.bin".to_owned(),
        };
        write(&args.out.join(name), content)?;
    }
    write(&args.out.join("mrz.txt"), format!("{}\n", document.printed.join("\n")).as_bytes())?;
    for (name, content) in country.trust_bundle()? {
        write(&args.out.join("trust").join(name), &content)?;
    }
    println!("{}", document.printed.join("\n"));
    eprintln!("test passport ({:?}) and its trust bundle written to {}", args.defect, args.out.display());
    Ok(true)
}

fn order(args: &IssueArgs, now: Timestamp) -> Result<DocumentOrder> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let in_years = || today.checked_add(jiff::Span::new().years(VALIDITY_YEARS));
    Ok(DocumentOrder {
        surname: args.surname.clone(),
        given_names: args.given_names.clone(),
        number: args.number.clone(),
        nationality: "UTO".to_owned(),
        date_of_birth: args.date_of_birth,
        date_of_expiry: args.date_of_expiry.map_or_else(in_years, Ok)?,
        sex: args.sex,
        portrait: portrait(args.portrait.as_deref())?,
        defect: args.defect,
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

fn write(path: &Path, content: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("making folder {}", folder.display()))?;
    }
    fs::write(path, content).with_context(|| format!("writing {}", path.display()))
}
