//! Issuing states: three letters in the zone, two in certificates.
//!
//! The assignment table that TR-03135-1 §5.6.4.5 asks for: ISO 3166-1 (249 entries) and the codes that
//! Doc 9303-3 §5 adds to it. One code may stand for several: China's passports are also signed by Hong
//! Kong and Macao, those of British nationals of every kind by GB.

/// ISO 3166-1: alpha-3 and alpha-2 of each entry.
const ISO_3166: &str = "\
    ABWAW AFGAF AGOAO AIAAI ALAAX ALBAL ANDAD AREAE ARGAR ARMAM ASMAS ATAAQ ATFTF ATGAG AUSAU AUTAT \
    AZEAZ BDIBI BELBE BENBJ BESBQ BFABF BGDBD BGRBG BHRBH BHSBS BIHBA BLMBL BLRBY BLZBZ BMUBM BOLBO \
    BRABR BRBBB BRNBN BTNBT BVTBV BWABW CAFCF CANCA CCKCC CHECH CHLCL CHNCN CIVCI CMRCM CODCD COGCG \
    COKCK COLCO COMKM CPVCV CRICR CUBCU CUWCW CXRCX CYMKY CYPCY CZECZ DEUDE DJIDJ DMADM DNKDK DOMDO \
    DZADZ ECUEC EGYEG ERIER ESHEH ESPES ESTEE ETHET FINFI FJIFJ FLKFK FRAFR FROFO FSMFM GABGA GBRGB \
    GEOGE GGYGG GHAGH GIBGI GINGN GLPGP GMBGM GNBGW GNQGQ GRCGR GRDGD GRLGL GTMGT GUFGF GUMGU GUYGY \
    HKGHK HMDHM HNDHN HRVHR HTIHT HUNHU IDNID IMNIM INDIN IOTIO IRLIE IRNIR IRQIQ ISLIS ISRIL ITAIT \
    JAMJM JEYJE JORJO JPNJP KAZKZ KENKE KGZKG KHMKH KIRKI KNAKN KORKR KWTKW LAOLA LBNLB LBRLR LBYLY \
    LCALC LIELI LKALK LSOLS LTULT LUXLU LVALV MACMO MAFMF MARMA MCOMC MDAMD MDGMG MDVMV MEXMX MHLMH \
    MKDMK MLIML MLTMT MMRMM MNEME MNGMN MNPMP MOZMZ MRTMR MSRMS MTQMQ MUSMU MWIMW MYSMY MYTYT NAMNA \
    NCLNC NERNE NFKNF NGANG NICNI NIUNU NLDNL NORNO NPLNP NRUNR NZLNZ OMNOM PAKPK PANPA PCNPN PERPE \
    PHLPH PLWPW PNGPG POLPL PRIPR PRKKP PRTPT PRYPY PSEPS PYFPF QATQA REURE ROURO RUSRU RWARW SAUSA \
    SDNSD SENSN SGPSG SGSGS SHNSH SJMSJ SLBSB SLESL SLVSV SMRSM SOMSO SPMPM SRBRS SSDSS STPST SURSR \
    SVKSK SVNSI SWESE SWZSZ SXMSX SYCSC SYRSY TCATC TCDTD TGOTG THATH TJKTJ TKLTK TKMTM TLSTL TONTO \
    TTOTT TUNTN TURTR TUVTV TWNTW TZATZ UGAUG UKRUA UMIUM URYUY USAUS UZBUZ VATVA VCTVC VENVE VGBVG \
    VIRVI VNMVN VUTVU WLFWF WSMWS YEMYE ZAFZA ZMBZM ZWEZW";

/// Doc 9303-3 §5 and practice: in place of, or beside, ISO 3166-1. `UTO` is the Utopia of ICAO's specimens.
const ICAO: &[(&str, &[&str])] = &[
    ("D", &["DE"]),
    ("UTO", &["UT"]),
    ("CHN", &["CN", "HK", "MO"]),
    ("GBD", &["GB"]),
    ("GBN", &["GB"]),
    ("GBO", &["GB"]),
    ("GBP", &["GB"]),
    ("GBS", &["GB"]),
    ("RKS", &["KS", "XK"]),
    ("EUE", &["EU"]),
    ("UNO", &["UN"]),
    ("UNA", &["UN"]),
    ("UNK", &["UN"]),
    ("XOM", &["XM", "XO"]),
    ("XPO", &["XP"]),
];

/// Whether a state as the zone has it (`UTO`, `D`) and a country as a certificate has it (`UT`) are the
/// same. `None` when the table does not know one of them, so that nothing can be said.
pub fn same_state(zone: &str, certificate: &str) -> Option<bool> {
    let certificate = certificate.to_uppercase();
    let special = ICAO.iter().find(|(state, _)| *state == zone).map(|(_, assigned)| assigned.to_vec());
    let assigned = special.or_else(|| iso().find(|(alpha3, _)| *alpha3 == zone).map(|(_, two)| vec![two]))?;
    let known = iso().any(|(_, two)| two == certificate)
        || ICAO.iter().any(|(_, assigned)| assigned.contains(&certificate.as_str()));
    known.then(|| assigned.contains(&certificate.as_str()))
}

/// The pairs of three and two letters of ISO 3166-1.
fn iso() -> impl Iterator<Item = (&'static str, &'static str)> {
    ISO_3166.split_whitespace().filter_map(|entry| entry.split_at_checked(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assigns_iso_and_special_codes() {
        for (zone, certificate) in [
            ("NLD", "NL"),
            ("D", "DE"),
            ("UTO", "ut"),
            ("GBR", "GB"),
            ("GBD", "GB"),
            ("CHN", "HK"),
            ("RKS", "KS"),
        ] {
            assert_eq!(same_state(zone, certificate), Some(true), "{zone} {certificate}");
        }
        assert_eq!(same_state("NLD", "BE"), Some(false));
        assert_eq!(same_state("D", "AT"), Some(false));
    }

    #[test]
    fn says_nothing_of_codes_that_it_does_not_know() {
        assert_eq!(same_state("QQQ", "DE"), None);
        assert_eq!(same_state("NLD", "QQ"), None);
        assert_eq!(same_state("", ""), None);
    }

    #[test]
    fn table_is_whole() {
        assert_eq!(iso().count(), 249);
        assert!(iso().all(|(three, two)| three.len() == 3 && two.len() == 2));
    }
}
