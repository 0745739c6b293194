mod build;
mod folded;
mod images;
mod properties;
mod stories;
