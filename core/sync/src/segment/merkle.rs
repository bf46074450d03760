//! The Merkle tree over a segment's ops (`docs/wire.md` §4), shaped as in RFC 9162 §2.1.
//!
//! Knows hashes only. Invariant: a path proves one leaf at one place in a tree of one size; hashes are cut short on top of the
//! tree and nowhere below. Start at [`root`].

use crate::error::{Result, SyncError};
use crate::id::{Hash, Root};
use crate::keys::sha256;

/// A leaf: SHA-256 of 0x00, the salt and the op's standalone payload.
pub fn leaf(salt: &[u8], standalone: &[u8]) -> Hash {
    sha256(&[&[0], salt, standalone])
}

/// The root over the leaves; `None` if there are none.
pub fn root(leaves: &[Hash]) -> Option<Root> {
    top(leaves).as_ref().map(short)
}

fn short(top: &Hash) -> Root {
    Root(top.prefix())
}

fn top(leaves: &[Hash]) -> Option<Hash> {
    match leaves {
        [] => None,
        [only] => Some(*only),
        _ => {
            let (left, right) = leaves.split_at_checked(split(leaves.len()))?;
            Some(node(&top(left)?, &top(right)?))
        }
    }
}

/// The hashes that lead from leaf `index` to the root, nearest first; `None` if there is no such leaf.
pub fn path(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    leaves.get(index)?;
    if leaves.len() == 1 {
        return Some(Vec::new());
    }
    let (left, right) = leaves.split_at_checked(split(leaves.len()))?;
    let (mut path, other) = if index < left.len() {
        (path(left, index)?, top(right)?)
    } else {
        (path(right, index - left.len())?, top(left)?)
    };
    path.push(other);
    Some(path)
}

/// Checks that `leaf` stands at `index` in a tree of `size` leaves with this root.
///
/// # Errors
/// [`SyncError::RootMismatch`].
pub fn verify(leaf: &Hash, index: usize, size: usize, path: &[Hash], expected: &Root) -> Result<()> {
    match climb(leaf, index, size, path) {
        Some(top) if short(&top) == *expected => Ok(()),
        _ => Err(SyncError::RootMismatch),
    }
}

fn climb(leaf: &Hash, index: usize, size: usize, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    match path.split_last() {
        None => (size == 1).then_some(*leaf),
        Some((other, below)) => {
            if size < 2 {
                return None;
            }
            let left = split(size);
            if index < left {
                Some(node(&climb(leaf, index, left, below)?, other))
            } else {
                Some(node(other, &climb(leaf, index - left, size - left, below)?))
            }
        }
    }
}

/// The largest power of two below `n`, for n ≥ 2.
fn split(n: usize) -> usize {
    n.div_ceil(2).next_power_of_two()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], &left.0, &right.0])
}
