//! The README's pictures: of the demo's pages, small, and renewed by one command:
//!
//! `LANDFALL_TEST_PICTURES=1 cargo test --test it pictures`

use std::path::PathBuf;

use crate::browser::{Demo, pages};
use crate::rig::browser::Browser;
use crate::rig::png::{PALETTE, head, smaller};
use crate::rig::skip::need;

const FOLDER: &str = "tests/screenshots";
/// Longer pages are cut: a picture is looked at, not read.
const HEIGHT_MAX: u32 = 1_200;
const BYTES_MAX: usize = 128 * 1024;

/// A picture that the README shows: `environments-light-1440`.
struct Picture {
    name: String,
    page: String,
    colours: String,
    width: u32,
}

impl Picture {
    fn of(name: &str) -> Self {
        let mut parts = name.rsplitn(3, '-');
        let width = parts.next().unwrap().parse().unwrap();
        let [colours, page] = [(); 2].map(|()| parts.next().unwrap().to_owned());
        Self { name: name.to_owned(), page, colours, width }
    }

    fn path(&self) -> PathBuf {
        [env!("CARGO_MANIFEST_DIR"), FOLDER, &format!("{}.png", self.name)].iter().collect()
    }
}

fn shown() -> Vec<Picture> {
    let readme = include_str!("../../README.md");
    let folder = format!("{FOLDER}/");
    let links = readme.split(&folder).skip(1);
    let mut names: Vec<&str> = links.filter_map(|rest| Some(rest.split_once(".png")?.0)).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(Picture::of).collect()
}

#[test]
fn the_readme_s_pictures_are_there_small_and_no_others() {
    let mut left = std::fs::read_dir([env!("CARGO_MANIFEST_DIR"), FOLDER].iter().collect::<PathBuf>())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect::<Vec<_>>();
    for picture in shown() {
        let png = std::fs::read(picture.path()).unwrap_or_else(|error| panic!("{}: {error}", picture.name));
        let (width, height, kind) = head(&png);
        assert_eq!((width, kind), (picture.width, PALETTE), "{}", picture.name);
        assert!(height <= HEIGHT_MAX && png.len() < BYTES_MAX, "{}: {} bytes", picture.name, png.len());
        left.retain(|path| *path != picture.path());
    }
    assert!(left.is_empty(), "nobody shows {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_taken_of_the_demo() {
    if std::env::var_os("LANDFALL_TEST_PICTURES").is_none() {
        return;
    }
    need!("chromium", "chromedriver");
    let (demo, browser) = (Demo::start().await, Browser::start(true).await);
    demo.log_in(&browser).await;
    let pages = pages(&demo).await;
    for picture in shown() {
        let page = pages.iter().find(|(name, _)| *name == picture.page);
        let (_, path) = page.unwrap_or_else(|| panic!("no page is called {}", picture.page));
        browser.look(picture.width, &picture.colours).await;
        browser.go(&demo.at(path)).await;
        browser.eval("for (const one of document.querySelectorAll('details.compared, .timeline > li:nth-child(2) > details')) one.open = true").await;
        let png = browser.screenshot(HEIGHT_MAX).await;
        std::fs::write(picture.path(), smaller(&png)).unwrap();
    }
    browser.quit().await;
}
