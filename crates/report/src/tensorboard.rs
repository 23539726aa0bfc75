//! Event files as TensorBoard reads them: records of TFRecord, each an `Event` of protocol buffers.
//!
//! A record is the length (u64), its masked CRC-32C, the bytes, their masked CRC-32C, all
//! little-endian. Of `Event` the fields wall_time (1, double), step (2, varint), file_version
//! (3, string) and summary (5) are written, of `Summary.Value` tag (1) and simple_value (2, float).

/// The first record of a file.
pub fn version(wall_time: f64) -> Vec<u8> {
    let mut event = time(wall_time);
    bytes(&mut event, 3, b"brain.Event:2");
    record(&event)
}

/// A record of one number: its name, the step and the time in seconds since 1970.
pub fn scalar(tag: &str, value: f64, step: u64, wall_time: f64) -> Vec<u8> {
    let mut number = Vec::new();
    bytes(&mut number, 1, tag.as_bytes());
    number.push(2 << 3 | 5);
    number.extend((value as f32).to_le_bytes());
    let mut summary = Vec::new();
    bytes(&mut summary, 1, &number);
    let mut event = time(wall_time);
    event.push(2 << 3);
    varint(&mut event, step);
    bytes(&mut event, 5, &summary);
    record(&event)
}

fn time(seconds: f64) -> Vec<u8> {
    let mut event = vec![1 << 3 | 1];
    event.extend(seconds.to_le_bytes());
    event
}

fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// A field of bytes.
fn bytes(to: &mut Vec<u8>, field: u8, value: &[u8]) {
    to.push(field << 3 | 2);
    varint(to, value.len() as u64);
    to.extend_from_slice(value);
}

fn record(event: &[u8]) -> Vec<u8> {
    let length = (event.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(masked(&length).to_le_bytes());
    record.extend_from_slice(event);
    record.extend(masked(event).to_le_bytes());
    record
}

/// CRC-32C (Castagnoli), turned and shifted as TFRecord wants it.
fn masked(data: &[u8]) -> u32 {
    crc(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn crc(data: &[u8]) -> u32 {
    let bit = |crc: u32, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
    !data.iter().fold(!0u32, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), bit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_crc_32c() {
        assert_eq!(crc(b"123456789"), 0xe306_9283);
    }
}
