//! Pictures of pages, made small: 256 colours are enough for text on plain ground.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";
const COLOURS_MAX: usize = 256;
/// PNG, section 11.2.1: colours as they are, and by their place in a palette.
const TRUECOLOUR: u8 = 2;
pub const PALETTE: u8 = 3;

type Colour = [u8; 3];

/// Width, height and kind of colours, as a picture's head has them.
pub fn head(png: &[u8]) -> (u32, u32, u8) {
    assert_eq!(&png[..8], SIGNATURE, "a PNG");
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20), png[25])
}

/// The same picture with a palette of the colours that it has most of; each other one is the nearest of them.
pub fn smaller(png: &[u8]) -> Vec<u8> {
    let (width, height, kind) = head(png);
    assert_eq!((png[24], kind), (8, TRUECOLOUR), "a browser's picture has three bytes a pixel");
    let pixels = pixels(png, width as usize);
    let mut counts: HashMap<Colour, u32> = HashMap::new();
    for pixel in &pixels {
        *counts.entry(*pixel).or_default() += 1;
    }
    let mut palette: Vec<Colour> = counts.keys().copied().collect();
    palette.sort_by_key(|colour| (std::cmp::Reverse(counts[colour]), *colour));
    palette.truncate(COLOURS_MAX);
    let places: HashMap<Colour, u8> =
        counts.keys().map(|colour| (*colour, nearest(&palette, *colour))).collect();
    let mut rows = Vec::new();
    for row in pixels.chunks(width as usize) {
        rows.push(0);
        rows.extend(row.iter().map(|pixel| places[pixel]));
    }
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&rows).unwrap();
    let mut small = SIGNATURE.to_vec();
    let sizes = [width.to_be_bytes(), height.to_be_bytes()].concat();
    chunk(&mut small, b"IHDR", &[&sizes[..], &[8, PALETTE, 0, 0, 0]].concat());
    chunk(&mut small, b"PLTE", palette.as_flattened());
    chunk(&mut small, b"IDAT", &packed.finish().unwrap());
    chunk(&mut small, b"IEND", &[]);
    small
}

fn chunk(png: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    let named = [&kind[..], data].concat();
    png.extend((data.len() as u32).to_be_bytes());
    png.extend(&named);
    png.extend(crc32fast::hash(&named).to_be_bytes());
}

/// The pixels, row by row, as they were before each row was written as a difference (PNG, section 9).
fn pixels(png: &[u8], width: usize) -> Vec<Colour> {
    let (mut packed, mut rest) = (Vec::new(), &png[8..]);
    while rest.len() > 12 {
        let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        if &rest[4..8] == b"IDAT" {
            packed.extend(&rest[8..8 + length]);
        }
        rest = &rest[12 + length..];
    }
    let mut rows = Vec::new();
    ZlibDecoder::new(&packed[..]).read_to_end(&mut rows).unwrap();
    let bytes = width * 3;
    let mut above = vec![0; bytes];
    let mut pixels = Vec::new();
    for row in rows.chunks(bytes + 1) {
        let mut current = row[1..].to_vec();
        for (at, up) in above.iter().copied().enumerate() {
            let left = at.checked_sub(3).map_or(0, |left| current[left]);
            let corner = at.checked_sub(3).map_or(0, |left| above[left]);
            let told = match row[0] {
                0 => 0,
                1 => left,
                2 => up,
                3 => u16::midpoint(left.into(), up.into()) as u8,
                _ => likeliest(left, up, corner),
            };
            current[at] = current[at].wrapping_add(told);
        }
        pixels.extend(current.as_chunks::<3>().0);
        above = current;
    }
    pixels
}

/// Paeth's guess, section 9.4.
fn likeliest(left: u8, above: u8, corner: u8) -> u8 {
    let [a, b, c] = [left, above, corner].map(i32::from);
    let off = |guess: i32| (a + b - c - guess).abs();
    if off(a) <= off(b) && off(a) <= off(c) {
        left
    } else if off(b) <= off(c) {
        above
    } else {
        corner
    }
}

fn nearest(palette: &[Colour], colour: Colour) -> u8 {
    let far = |other: &Colour| -> u32 {
        colour.iter().zip(other).map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2)).sum()
    };
    let place = (0..palette.len()).min_by_key(|place| far(&palette[*place])).unwrap();
    u8::try_from(place).unwrap()
}
