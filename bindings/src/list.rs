//! A list of records, read as far as it is looked at. Start at [`RecordList`].

use samanvay_records::Profile;
use samanvay_records::view::{Filter, RecordRow};

use crate::alive::Alive;
use crate::error::AppError;
use crate::log::Reporter;

/// Records of one profile, the newest change first. Each call reads what is there now.
#[derive(uniffi::Object)]
pub struct RecordList {
    pub(crate) profile: Profile,
    pub(crate) kind: Option<String>,
    pub(crate) reporter: Reporter,
    pub(crate) _alive: Alive,
}

#[uniffi::export]
impl RecordList {
    /// At most `limit` lines after the first `offset`; fewer at the end of the list.
    ///
    /// # Errors
    /// [`AppError::Locked`], [`AppError::Damaged`].
    pub fn rows(&self, offset: u32, limit: u32) -> Result<Vec<RecordRow>, AppError> {
        let filter = Filter { kind: self.kind.clone(), limit, offset };
        self.profile.list(&filter).map_err(|error| self.reporter.error(error))
    }
}
