use super::*;
use ed25519_dalek::SigningKey;
use std::collections::BTreeSet;
use tempfile::TempDir;

const NOW: i64 = 1_800_000_000_000;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

fn order(number: u8, command: LaneCommand) -> CommandOrder {
    CommandOrder {
        id: hex::encode([number; 16]),
        lane: "lane-1".into(),
        passage: command.of_passage().then(|| "lane-1-7-1".to_owned()),
        command,
        by: "anna".into(),
        issued: NOW,
        expires: NOW + 60_000,
    }
}

fn signed(order: &CommandOrder) -> Signed<CommandOrder> {
    Signed::sign(order, &key()).unwrap()
}

struct Lane {
    folder: TempDir,
    orders: CommandBook,
    conditions: Conditions,
    errands: mpsc::Receiver<Errand>,
}

impl Lane {
    fn new() -> Lane {
        Lane::on(tempfile::tempdir().unwrap())
    }

    fn on(folder: TempDir) -> Lane {
        let conditions = Conditions::default();
        conditions.looked();
        let path = folder.path().join("orders.json");
        let (orders, errands) =
            CommandBook::open(&path, "lane-1", key().verifying_key(), conditions.clone()).unwrap();
        Lane { folder, orders, conditions, errands }
    }

    fn restarted(self) -> Lane {
        Lane::on(self.folder)
    }

    fn closed(&self) -> bool {
        let amiss = self.conditions.watch().borrow().conditions().unwrap();
        assert_eq!(self.orders.out_of_service(), !amiss.is_empty());
        amiss == BTreeSet::from([Condition::OutOfService])
    }
}

#[tokio::test]
async fn out_of_service_lasts_over_a_restart_until_an_officer_says_otherwise() {
    let lane = Lane::new();
    let report = lane.orders.take(&signed(&order(1, LaneCommand::OutOfService)), NOW).await;
    assert_eq!((report.refused, lane.closed()), (None, true));
    let lane = lane.restarted();
    assert!(lane.closed());
    lane.orders.take(&signed(&order(2, LaneCommand::BackInService)), NOW).await;
    assert!(!lane.closed() && !lane.restarted().closed());
}

#[tokio::test]
async fn a_command_that_comes_again_is_reported_again_and_not_obeyed_again() {
    let lane = Lane::new();
    let out = signed(&order(1, LaneCommand::OutOfService));
    let first = lane.orders.take(&out, NOW).await;
    lane.orders.take(&signed(&order(2, LaneCommand::BackInService)), NOW + 1).await;
    // Central did not hear the report and sends it again, or somebody else does.
    assert_eq!(lane.orders.take(&out, NOW + 2).await, first);
    assert!(!lane.closed());
    lane.orders.told(&first.id);
    let lane = lane.restarted();
    let replayed = lane.orders.take(&out, NOW + 3).await;
    assert_eq!((replayed.refused, lane.closed()), (Some(CommandError::Replayed), false));
    // When the book has forgotten it, its time is over.
    for later in [NOW + 119_999, NOW + 120_000, NOW + 200_000] {
        lane.orders.take(&signed(&order(9, LaneCommand::BackInService)), later).await;
        assert!(lane.orders.take(&out, later).await.refused.is_some(), "{later}");
    }
    assert!(!lane.closed());
}

#[tokio::test]
async fn what_is_altered_expired_or_for_another_lane_is_refused_and_told() {
    let lane = Lane::new();
    let out = order(1, LaneCommand::OutOfService);
    let other = CommandOrder { lane: "lane-2".into(), ..out.clone() };
    let altered = signed(&other).canonical.replace("lane-2", "lane-1");
    let altered = Signed::from_parts(altered, signed(&other).signature);
    for (command, now, why) in [
        (signed(&other), NOW, CommandError::OtherLane),
        (altered, NOW, CommandError::Altered),
        (signed(&out), NOW + 120_000, CommandError::Expired),
        (Signed::from_parts("{}".into(), String::new()), NOW, CommandError::Altered),
    ] {
        let report = lane.orders.take(&command, now).await;
        assert_eq!(report.refused, Some(why));
        assert!(!lane.closed());
    }
}

#[tokio::test]
async fn a_command_about_a_traveller_is_obeyed_by_the_passage_alone() {
    let mut lane = Lane::new();
    let orders = lane.orders.clone();
    let release = signed(&order(1, LaneCommand::ReleaseToOfficer));
    let asked = tokio::spawn(async move { orders.take(&release, NOW).await });
    let errand = lane.errands.recv().await.unwrap();
    assert_eq!((errand.command, errand.passage.as_str()), (LaneCommand::ReleaseToOfficer, "lane-1-7-1"));
    errand.answer.send(Err(CommandError::OtherPassage)).unwrap();
    assert_eq!(asked.await.unwrap().refused, Some(CommandError::OtherPassage));
    assert!(lane.orders.unrecorded().is_empty());
    // Nobody answers: the lane says that it did not obey.
    drop(lane.errands);
    let report = lane.orders.take(&signed(&order(2, LaneCommand::ReopenEntry)), NOW).await;
    assert!(matches!(report.refused, Some(CommandError::NotNow(_))));
}

#[tokio::test]
async fn obeyed_commands_wait_for_the_next_record() {
    let lane = Lane::new();
    lane.orders.take(&signed(&order(1, LaneCommand::OutOfService)), NOW).await;
    let lane = lane.restarted();
    let waiting = lane.orders.unrecorded();
    assert_eq!(
        waiting.iter().map(|c| (c.command, c.by.as_str())).collect::<Vec<_>>(),
        [(LaneCommand::OutOfService, "anna")]
    );
    lane.orders.take(&signed(&order(2, LaneCommand::BackInService)), NOW).await;
    lane.orders.recorded(&waiting);
    assert_eq!(lane.restarted().orders.unrecorded().len(), 1);
}

#[tokio::test]
async fn a_damaged_book_leaves_the_lane_out_of_service() {
    let lane = Lane::new();
    std::fs::write(lane.folder.path().join("orders.json"), b"{\"out_of_service\":null").unwrap();
    let lane = lane.restarted();
    assert!(lane.closed());
    lane.orders.take(&signed(&order(1, LaneCommand::BackInService)), NOW).await;
    assert!(!lane.closed());
}
