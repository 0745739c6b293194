//! Tests of the directory: who is accepted, and what tokens are warned about.

mod access;
mod warnings;
