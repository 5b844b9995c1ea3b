//! Keeping the lists that look-ups ask: proposing a generation, approving one. Both are acts of a person
//! who proves to be that person by the console's password; the two must be different.

use super::console::user_by_password;
use super::lookup::{FileForm, ImportError, read_list};
use super::serve::{Office, Shared};
use super::store::{Approval, ENTRIES_AT_ONCE, Generation, ListKind};
use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};

/// Longest name of a list.
const LIST_NAME_MOST: usize = 32;

/// Who keeps lists: name and password of the console.
#[derive(Clone)]
pub struct Keeper {
    /// Sign-in name.
    pub name: String,
    /// Password.
    pub password: String,
}

/// A list to be proposed.
pub struct Proposal {
    /// The list's name: lower-case letters, digits, hyphens.
    pub list: String,
    /// What its entries are about.
    pub kind: ListKind,
    /// Form of the file.
    pub form: FileForm,
    /// The file.
    pub bytes: Vec<u8>,
}

impl Proposal {
    /// Reads all entries and stores none; gives how many there are.
    ///
    /// # Errors
    /// With every line that is wrong.
    pub fn dry_run(&self) -> Result<usize, ImportError> {
        Ok(read_list(self.kind, self.form, &self.bytes)?.len())
    }
}

impl Office {
    /// Stores a list as a new generation, which is in force when another person has approved it. Gives its
    /// number and how many entries it has.
    ///
    /// # Errors
    /// When a line is wrong, the person may not, or the store fails; then nothing can come into force.
    pub async fn propose_list(&self, by: Keeper, proposal: Proposal) -> anyhow::Result<(u64, usize)> {
        self.shared().blocking(move |shared| propose(shared, &by, &proposal)).await
    }

    /// Brings a generation of a list into force.
    ///
    /// # Errors
    /// When the person may not, or there is no such generation.
    pub async fn approve_list(&self, by: Keeper, list: &str, generation: u64) -> anyhow::Result<()> {
        let list = list.to_owned();
        self.shared().blocking(move |shared| approve(shared, &by, &list, generation)).await
    }

    /// All generations of all lists.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list_generations(&self) -> anyhow::Result<Vec<Generation>> {
        self.shared().blocking(|shared| Ok(shared.store.list_generations()?)).await
    }
}

fn propose(shared: &Shared, by: &Keeper, proposal: &Proposal) -> anyhow::Result<(u64, usize)> {
    let name = keeper(shared, by)?;
    let Proposal { list, kind, form, bytes } = proposal;
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ensure!(
        (1..=LIST_NAME_MOST).contains(&list.len()) && list.chars().all(fine),
        "{list:?} is no name of a list: 1 to {LIST_NAME_MOST} of a-z, 0-9 and hyphen"
    );
    let entries = read_list(*kind, *form, bytes)?;
    ensure!(!entries.is_empty(), "the file holds no entry");
    let source = hex::encode(Sha256::digest(bytes));
    let begun = shared.store.begin_list(list, *kind, &source, &name, shared.now())?;
    let generation = begun.with_context(|| format!("list {list} is of another kind"))?;
    for some in entries.chunks(ENTRIES_AT_ONCE) {
        shared.store.add_entries(list, *kind, generation, some)?;
    }
    let count = u64::try_from(entries.len())?;
    shared.store.end_list(list, generation, count, &name, shared.now())?;
    Ok((generation, entries.len()))
}

fn approve(shared: &Shared, by: &Keeper, list: &str, generation: u64) -> anyhow::Result<()> {
    let name = keeper(shared, by)?;
    match shared.store.approve_list(list, generation, &name, shared.now())? {
        Approval::Done => Ok(()),
        Approval::SamePerson => bail!("{name} proposed this generation: another supervisor must approve it"),
        Approval::Incomplete => bail!("the import of this generation broke off: import the file again"),
        Approval::Rejected => bail!("this generation was rejected: import the file again"),
        Approval::Missing => bail!("list {list} has no generation {generation}"),
    }
}

/// The person's name, when the password is right and lists are theirs to keep.
fn keeper(shared: &Shared, by: &Keeper) -> anyhow::Result<String> {
    let user = user_by_password(shared, &by.name, &by.password)?;
    let user = user.context("name or password is wrong, or there were too many attempts")?;
    ensure!(user.role.keeps_lists(), "{} is no supervisor: lists are kept by supervisors", user.name);
    Ok(user.name)
}
