//! The face room on real networks and the demonstration's pictures, as `setup/fetch.py` fetches them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use egate::check::{CheckId, CheckResult, Reason};
use egate::face::{
    Aspect, FaceEngine, FaceError, FaceRules, Fusion, InferenceSettings, Manifest, ModelSet, QualityFlaw,
    compare,
};
use egate::workbench::scenes::{self, Scene, Sitter};
use image::{Rgb, RgbImage};
use std::path::{Path, PathBuf};

fn library() -> PathBuf {
    PathBuf::from("var/runtime/libonnxruntime.so")
}

/// The engine, or `None` with a plain word when set-up has not been run.
fn engine() -> Option<FaceEngine> {
    if !library().exists() || !Path::new("var/models/yunet.onnx").exists() {
        assert!(
            std::env::var_os("EGATE_ALL_TESTS").is_none(),
            "set-up provides everything: SKIPPED is a failure"
        );
        println!("SKIPPED: var/ is not filled, run python3 setup/fetch.py");
        return None;
    }
    Some(ModelSet::load(Path::new("var/models"), &library()).unwrap())
}

fn picture(name: &str) -> RgbImage {
    image::open(format!("var/pictures/{name}")).unwrap().to_rgb8()
}

/// Fuses the frames of a scene with the portrait of obama.jpg as reference.
fn fused(engine: &mut FaceEngine, scene: Scene, name: &str, other: &str) -> Fusion {
    let (holder, person, other) = (picture("obama.jpg"), picture(name), picture(other));
    let mut sitter = |picture| Sitter { picture, face: engine.locate(picture).unwrap() };
    let (holder, person, other) = (sitter(&holder), sitter(&person), sitter(&other));
    let portrait = image::load_from_memory(&scenes::portrait_jpeg(&holder)).unwrap().to_rgb8();
    let mut fusion = Fusion::new(FaceRules::default());
    fusion.set_reference(engine.reference(&portrait).unwrap());
    for (sequence, frame) in scenes::frames(scene, &person, Some(&other), 6, 11).iter().enumerate() {
        fusion.add(engine.analyse(sequence as u64, frame).unwrap());
    }
    fusion
}

fn check(fusion: &Fusion, id: CheckId) -> (CheckResult, Vec<Reason>) {
    let found = fusion.checks().into_iter().find(|check| check.id == id).unwrap();
    (found.result, found.reasons)
}

#[test]
fn pictures_of_one_person_are_alike_and_of_two_people_are_not() {
    let Some(mut engine) = engine() else { return };
    let mut template = |name: &str| engine.reference(&picture(name)).unwrap().template;
    let same = ["obama.jpg", "obama2.jpg", "obama3.jpg"].map(&mut template);
    let others = ["biden.jpg", "astronaut.png"].map(&mut template);
    let threshold = FaceRules::default().match_threshold();
    for (n, a) in same.iter().enumerate() {
        assert!((compare(a, a) - 1.0).abs() < 1e-5);
        for b in &same[n + 1..] {
            assert!(compare(a, b) > threshold + 0.1, "{}", compare(a, b));
        }
        for b in &others {
            assert!(compare(a, b) < threshold - 0.1, "{}", compare(a, b));
        }
    }
}

#[test]
fn scores_are_finite_symmetric_and_the_same_for_the_same_bytes() {
    let Some(mut engine) = engine() else { return };
    let names = ["obama.jpg", "obama2.jpg", "biden.jpg", "astronaut.png"];
    let templates = names.map(|name| engine.template(&picture(name)).unwrap().unwrap());
    for a in &templates {
        for b in &templates {
            assert!(compare(a, b).is_finite() && compare(a, b) == compare(b, a));
        }
    }
    let again = names.map(|name| engine.template(&picture(name)).unwrap().unwrap());
    assert_eq!(templates, again);
}

/// The shipped manifest with another set of embedders: fr_feature alone, mirrored as well, or with a part renamed.
fn other_manifest(change: impl Fn(&str) -> String) -> Result<Manifest, FaceError> {
    let text = std::fs::read_to_string("models/manifest.toml").unwrap();
    let (head, models) = text.split_once("[[model]]").unwrap();
    let kept = models.split("[[model]]").filter(|model| !model.contains("SFace 2021dec\"")).map(change);
    let kept: Vec<String> = kept.collect();
    Manifest::parse(&format!("{head}[[model]]{}", kept.join("[[model]]")))
}

#[test]
fn another_embedder_fits_in_by_the_manifest_alone() {
    let Some(_) = engine() else { return };
    let start = |manifest: &Manifest| {
        ModelSet::load_with(manifest, Path::new("var/models"), &library(), &InferenceSettings::threads(2))
    };
    let mirrored = |model: &str| {
        if model.contains("fr_feature") {
            model.replace("cut = \"aligned\"", "cut = \"aligned\", flip = true")
        } else {
            model.into()
        }
    };
    for manifest in [other_manifest(str::to_owned).unwrap(), other_manifest(mirrored).unwrap()] {
        let mut engine = start(&manifest).unwrap();
        let mut template = |name: &str| engine.template(&picture(name)).unwrap().unwrap();
        let (a, b, c) = (template("obama.jpg"), template("obama2.jpg"), template("biden.jpg"));
        assert_eq!(a.values.len(), 512);
        assert!(compare(&a, &b) > compare(&a, &c) + 0.2, "{} {}", compare(&a, &b), compare(&a, &c));
        let shipped = self::engine().unwrap().template(&picture("obama.jpg")).unwrap().unwrap();
        assert_eq!(compare(&a, &shipped), -1.0, "templates of other networks are as unlike as can be");
        assert_ne!(manifest.digest(), Manifest::shipped().unwrap().digest());
    }
    let wrong = other_manifest(|model| model.replace("length = 512", "length = 511")).unwrap();
    let error = start(&wrong).err().unwrap();
    assert!(matches!(error, FaceError::Output { .. }), "{error}");
    let renamed = other_manifest(|model| model.replace("side = 224", "side = 220")).unwrap();
    assert!(start(&renamed).is_err());
}

#[test]
fn a_provider_that_is_not_there_is_said_and_never_replaced_silently() {
    let Some(_) = engine() else { return };
    let settings = InferenceSettings { provider: egate::face::Provider::Cuda, threads: 1 };
    let error = ModelSet::set_up(Path::new("var"), &settings).err();
    assert!(error.is_none_or(|error| error.to_string().contains("provider = \"cpu\"")));
}

/// A cabin's frame with faces of these heights at these places, on grey.
fn cabin(faces: &[(&RgbImage, [f32; 4], u32, u32, u32)]) -> RgbImage {
    let mut frame = RgbImage::from_pixel(720, 1280, Rgb([128, 128, 128]));
    for &(source, [x, y, w, h], height, left, top) in faces {
        let [x, y, w, h] = [x - 0.3 * w, y - 0.4 * h, 1.6 * w, 1.8 * h].map(|v| v.max(0.0) as u32);
        let (w, h) = (w.min(source.width() - x), h.min(source.height() - y));
        let cut = image::imageops::crop_imm(source, x, y, w, h).to_image();
        let (width, tall) = (w * height * 18 / (h * 10), height * 18 / 10);
        let small = image::imageops::resize(&cut, width, tall, image::imageops::FilterType::Triangle);
        image::imageops::replace(&mut frame, &small, i64::from(left), i64::from(top));
    }
    frame
}

#[test]
fn a_child_a_wheelchair_user_and_a_tall_person_are_found_in_one_frame_and_so_is_a_face_that_fills_it() {
    let Some(mut engine) = engine() else { return };
    let names = ["obama.jpg", "biden.jpg", "obama2.jpg"].map(picture);
    let faces = names.each_ref().map(|picture| (picture, engine.locate(picture).unwrap()));
    let [child, seated, tall] = faces;
    // A frame that shows 0.9 to 2.1 m: eyes at 1.1, 1.2 and 1.95 m, faces 18 to 22 cm high.
    let found = engine
        .analyse(
            0,
            &cabin(&[
                (child.0, child.1, 190, 20, 880),
                (seated.0, seated.1, 210, 380, 760),
                (tall.0, tall.1, 230, 150, 20),
            ]),
        )
        .unwrap();
    assert_eq!(found.faces, 3);
    for (height, left, top) in
        [(80, 300, 600), (120, 300, 1000), (230, 100, 10), (400, 20, 300), (640, 0, 60)]
    {
        let found = engine.analyse(0, &cabin(&[(child.0, child.1, height, left, top)])).unwrap();
        assert_eq!(found.faces, 1, "a face {height} pixels high");
        let [_, _, _, tall] = found.traveller.unwrap().bounds;
        assert!((tall / height as f32 - 1.0).abs() < 0.35, "{height}: {tall}");
    }
}

#[test]
fn the_largest_central_face_is_the_travellers_and_a_second_one_is_reported() {
    let Some(mut engine) = engine() else { return };
    let (near, far) = (picture("obama.jpg"), picture("biden.jpg"));
    let (a, b) = (engine.locate(&near).unwrap(), engine.locate(&far).unwrap());
    let found = engine.analyse(0, &cabin(&[(&near, a, 260, 200, 400), (&far, b, 200, 0, 60)])).unwrap();
    let [x, _, w, _] = found.traveller.unwrap().bounds;
    assert!(found.faces == 2 && (x + w / 2.0 - 360.0).abs() < 120.0);
}

#[test]
fn sunglasses_are_told_and_an_uncovered_face_has_no_flaw() {
    let Some(mut engine) = engine() else { return };
    let whole = picture("obama.jpg");
    let face = engine.analyse(0, &whole).unwrap().traveller.unwrap();
    assert!(!face.quality.contains(&QualityFlaw::Covered), "{:?}", face.measures);
    let [right, left, ..] = face.landmarks;
    let apart = left[0] - right[0];
    let painted = |areas: &[[f32; 4]], colour: Rgb<u8>| {
        let mut picture = whole.clone();
        for &[x, y, w, h] in areas {
            for py in y as u32..(y + h) as u32 {
                for px in x as u32..(x + w) as u32 {
                    picture.put_pixel(px, py, colour);
                }
            }
        }
        picture
    };
    let lens = |[x, y]: [f32; 2]| [x - 0.4 * apart, y - 0.25 * apart, 0.8 * apart, 0.5 * apart];
    let glasses = painted(&[lens(right), lens(left)], Rgb([15, 15, 18]));
    // A face so covered that it is none any more is told, too: by its absence.
    let told = engine.analyse(0, &glasses).unwrap().traveller;
    assert!(told.is_none_or(|face| face.quality.contains(&QualityFlaw::Covered)));
}

#[test]
fn every_demand_on_quality_has_a_value_and_its_limits() {
    let Some(mut engine) = engine() else { return };
    let measures = engine.quality(&picture("obama2.jpg")).unwrap();
    assert_eq!(measures.len(), 15);
    for measure in &measures {
        assert!(
            measure.value.is_finite() && (measure.least.is_some() || measure.most.is_some()),
            "{measure:?}"
        );
    }
    let value = |aspect| measures.iter().find(|measure| measure.aspect == aspect).unwrap().value;
    assert!(
        value(Aspect::Yaw).abs() < 20.0 && value(Aspect::EyesClosed) < 0.5 && value(Aspect::MouthOpen) < 0.35
    );
}

#[test]
fn the_living_holder_passes() {
    let Some(mut engine) = engine() else { return };
    let fusion = fused(&mut engine, Scene::Living, "obama3.jpg", "biden.jpg");
    assert!(
        fusion.checks().iter().all(|check| check.result == CheckResult::Successful),
        "{:?}",
        fusion.checks()
    );
    assert!(fusion.decided() && fusion.best_frame().is_some());
}

#[test]
fn another_living_person_is_alive_but_not_the_holder() {
    let Some(mut engine) = engine() else { return };
    let fusion = fused(&mut engine, Scene::Living, "biden.jpg", "obama3.jpg");
    assert_eq!(check(&fusion, CheckId::Liveness).0, CheckResult::Successful);
    assert_eq!(check(&fusion, CheckId::FaceMatch), (CheckResult::Failed, vec![Reason::FaceMismatch]));
}

#[test]
fn the_holder_on_paper_or_on_a_screen_is_not_alive() {
    let Some(mut engine) = engine() else { return };
    for scene in [Scene::Print, Scene::Screen] {
        let fusion = fused(&mut engine, scene, "obama2.jpg", "biden.jpg");
        assert_eq!(
            check(&fusion, CheckId::Liveness),
            (CheckResult::Failed, vec![Reason::PresentationAttack]),
            "{scene:?}: attack score {:?}",
            fusion.attack()
        );
    }
}

#[test]
fn two_people_in_view_are_two_people() {
    let Some(mut engine) = engine() else { return };
    let fusion = fused(&mut engine, Scene::TwoPersons, "obama3.jpg", "biden.jpg");
    assert_eq!(check(&fusion, CheckId::SinglePerson), (CheckResult::Failed, vec![Reason::SeveralFaces]));
}

#[test]
fn an_empty_cabin_shows_no_face() {
    let Some(mut engine) = engine() else { return };
    let fusion = fused(&mut engine, Scene::Empty, "obama3.jpg", "biden.jpg");
    assert_eq!(
        check(&fusion, CheckId::SinglePerson),
        (CheckResult::Undetermined, vec![Reason::FaceNotFound])
    );
}

#[test]
fn pictures_without_a_face_give_findings_without_a_face() {
    let Some(mut engine) = engine() else { return };
    let mut seed = 1u32;
    let mut noise = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    let pictures = [
        RgbImage::new(32, 32),
        RgbImage::from_pixel(640, 480, Rgb([255, 255, 255])),
        RgbImage::from_pixel(33, 4000, Rgb([120, 90, 70])),
        RgbImage::from_fn(400, 300, |_, _| Rgb([noise(), noise(), noise()])),
    ];
    for picture in pictures {
        let found = engine.analyse(7, &picture).unwrap();
        assert_eq!((found.sequence, found.faces, found.traveller), (7, 0, None));
        let error = engine.reference(&picture).unwrap_err();
        assert!(matches!(error, FaceError::NoFace), "{error}");
        assert_eq!(error.portrait_reason(), Reason::PortraitFaceMissing);
    }
}

#[test]
fn pictures_too_small_or_too_large_are_refused_by_their_dimensions() {
    let Some(mut engine) = engine() else { return };
    for (width, height) in [(0, 0), (1, 1), (31, 500), (9000, 40)] {
        let error = engine.analyse(0, &RgbImage::new(width, height)).unwrap_err();
        assert!(matches!(error, FaceError::ImageSize { .. }), "{error}");
    }
}

#[test]
fn a_portrait_of_two_people_is_no_reference() {
    let Some(mut engine) = engine() else { return };
    let (a, b) = (picture("obama.jpg"), picture("astronaut.png"));
    let scaled = image::imageops::resize(&b, 1137, 1137, image::imageops::FilterType::Triangle);
    let mut both = RgbImage::new(910 + 1137, 1137);
    image::imageops::replace(&mut both, &a, 0, 0);
    image::imageops::replace(&mut both, &scaled, 910, 0);
    let error = engine.reference(&both).unwrap_err();
    assert!(matches!(error, FaceError::SeveralFaces(2)), "{error}");
}

#[test]
fn a_face_that_fills_the_portrait_is_found() {
    let Some(mut engine) = engine() else { return };
    let whole = picture("obama.jpg");
    let [x, y, w, h] = engine.locate(&whole).unwrap().map(|v| v.max(0.0) as u32);
    let tight = image::imageops::crop_imm(&whole, x, y, w, h).to_image();
    let template = engine.reference(&tight).unwrap().template;
    assert!(compare(&template, &engine.reference(&whole).unwrap().template) > 0.7);
}

#[test]
fn the_same_picture_gives_the_same_findings() {
    let Some(mut engine) = engine() else { return };
    let frame = picture("obama.jpg");
    let first = engine.analyse(1, &frame).unwrap();
    let _ = engine.analyse(2, &picture("biden.jpg")).unwrap();
    assert_eq!(engine.analyse(1, &frame).unwrap(), first);
}

#[test]
fn a_missing_runtime_is_named_with_its_mend() {
    let error = ModelSet::load(Path::new("var/models"), Path::new("no/such/library.so")).err().unwrap();
    assert!(matches!(error, FaceError::RuntimeMissing { .. }), "{error}");
    let words = error.to_string();
    assert!(words.contains("no/such/library.so") && words.contains("setup/fetch.py"), "{words}");
}

#[test]
fn a_library_that_is_no_runtime_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libonnxruntime.so");
    std::fs::write(&path, b"no library").unwrap();
    let error = ModelSet::load(Path::new("var/models"), &path).err().unwrap();
    assert!(matches!(error, FaceError::RuntimeMissing { .. }), "{error}");
}

#[test]
fn a_model_that_was_changed_or_is_missing_is_refused() {
    let Some(_) = engine() else { return };
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir("var/models").unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    assert!(ModelSet::verify(folder.path()).unwrap().len() >= 5);
    let victim = folder.path().join("fr_liveness.onnx");
    let mut bytes = std::fs::read(&victim).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&victim, &bytes).unwrap();
    let error = ModelSet::load(folder.path(), &library()).err().unwrap();
    assert!(matches!(error, FaceError::ModelChanged { .. }), "{error}");
    std::fs::remove_file(&victim).unwrap();
    let error = ModelSet::verify(folder.path()).err().unwrap();
    assert!(matches!(error, FaceError::ModelMissing { .. }), "{error}");
}

#[test]
fn an_optional_network_with_other_bytes_is_refused_rather_than_left_out() {
    let Some(_) = engine() else { return };
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir("var/models").unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    std::fs::write(folder.path().join("MiniFASNetV2.onnx"), b"something else").unwrap();
    let error = ModelSet::load(folder.path(), &library()).err().unwrap();
    assert!(matches!(error, FaceError::ModelChanged { .. }), "{error}");
}

#[test]
fn set_up_mends_what_is_damaged_and_leaves_alone_what_is_right() {
    let done = std::process::Command::new("python3").arg("setup/test_fetch.py").output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn without_a_liveness_network_faces_are_found_and_none_of_them_serves() {
    if engine().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir("var/models").unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap() != "fr_liveness.onnx" {
            std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    for entry in Manifest::shipped().unwrap().models() {
        if entry.optional {
            let _ = std::fs::remove_file(folder.path().join(&entry.file));
        }
    }
    let mut engine = ModelSet::load(folder.path(), &library()).unwrap();
    assert_eq!(engine.liveness_networks(), 0);
    let fusion = fused(&mut engine, Scene::Living, "obama3.jpg", "biden.jpg");
    assert_eq!((fusion.serving(), fusion.attack()), (0, None));
    let (result, _) = check(&fusion, CheckId::Liveness);
    assert_eq!(result, CheckResult::Undetermined);
}
