//! Ops and ids as JSON: what a decoder that knows nothing of this crate can compare with.

use samanvay_sync::bytes::{hex, unhex};
use samanvay_sync::id::{DeviceId, OpId, RowId};
use samanvay_sync::op::{Change, Op, Route, Value as Held, Write};
use serde_json::{Value, json};

pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    unhex(value.as_str().unwrap()).unwrap()
}

pub(crate) fn id16(value: &Value) -> DeviceId {
    DeviceId::from_hex(value.as_str().unwrap()).unwrap()
}

pub(crate) fn ops(ops: &[Op]) -> Value {
    ops.iter().map(op).collect()
}

fn op(op: &Op) -> Value {
    json!({
        "id": op_id(&op.id),
        "record": op.record.hex(),
        "schema": op.schema.hex(),
        "creates": op.creates,
        "anchored": op.anchored,
        "seconds": op.seconds,
        "routes": op.routes.iter().map(route).collect::<Value>(),
        "changes": op.changes.iter().map(change).collect::<Value>(),
    })
}

pub(crate) fn route(route: &Route) -> Value {
    json!({"stream": route.stream.hex(), "role": route.role.code()})
}

pub(crate) fn op_id(id: &OpId) -> Value {
    json!({
        "device": id.device.hex(),
        "generation": id.generation.hex(),
        "counter": id.counter,
        "tag": hex(&id.tag),
    })
}

pub(crate) fn op_ids(ids: &[OpId]) -> Value {
    ids.iter().map(op_id).collect()
}

fn change(change: &Change) -> Value {
    json!({
        "rows": change.rows.iter().map(RowId::hex).collect::<Vec<_>>(),
        "field": change.field,
        "replaces": op_ids(&change.replaces),
        "write": write(&change.write),
    })
}

pub(crate) fn write(write: &Write) -> Value {
    match write {
        Write::Clear => json!({"clear": true}),
        Write::Set(Held::Int(int)) => json!({"int": int}),
        Write::Set(Held::Text(text)) => json!({"text": text}),
        Write::Set(Held::Raw(raw)) => json!({"raw": hex(raw)}),
        Write::Set(Held::Instant { seconds, offset_minutes }) => {
            json!({"instant": {"seconds": seconds, "offset_minutes": offset_minutes}})
        }
        Write::Delta { adds, removes } => json!({
            "adds": adds,
            "removes": removes.iter().map(|(code, seen)| json!({"code": code, "seen": op_ids(seen)}))
                .collect::<Value>(),
        }),
    }
}
