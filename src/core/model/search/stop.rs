//! Words that say little: how much a word of a query counts before anybody knows how rare it is.

/// Words that are not searched for. They keep their place, so that phrases such as `log in` are still seen.
const STOP: &str = " a an the of to in on at by for with from as is am are was were be been being it its this that \
    these those and or but if then than so into onto out up off over down i we you he she they me us my our your \
    their his her them who whom whose which what when where why how do does did doing has have had having will \
    would can could should shall may might must there here also just about between through within via per s t re \
    ve ll d isnt arent wasnt dont doesnt didnt hasnt havent cant wont im ive weve were not no nor any some such \
    each both either neither very too really quite rather still yet already now please ";

/// Words that are searched for and count little: they stand in every second title or belong to talk about changes.
const LIGHT: &str = " fix fixed fixes fixing bug bugs bugfix issue issues problem problems change changes changed \
    feature features patch patched enhancement improvement improve improved update updated add added adds adding \
    support supported new make makes use uses used using get gets got set work works working correct correctly \
    properly properly handle handled handling ensure allow allows thing things stuff way one two when while after \
    before during without all other another same again always never only even more less most much many few let \
    via like able need needs needed want wanted seem seems come comes go goes going take takes give given do done \
    happen happens see look looks keep keeps put say says time something anything someone somebody anybody anyone \
    it's cannot because since until though although instead whether every everything nothing first last ";

/// Those of them that say what happens, little as it is: a title that is surely meant says them too.
const TELLING: &str = " happen happens see seem seems look looks say says come comes go goes going take takes gives give keep \
    keeps put again always never first last time ";

/// Words that begin a question.
const ASKING: &str = " is are was were has have had did does do can could will would when where which what who in find \
    show search look tell check please hey hi do list give know any i we status ";
/// Words that may follow there before the description begins.
const LEAD: &str = " is are was were has have had did does do can could will would when where which what who find show \
    search look tell check please hey hi me us i we you know if whether the a an that this there any one of our my \
    in for to about with where release version change commit pr fix fixed patch feature bugfix update status ship \
    shipped deploy deployed released introduced added contains contain includes included got get been be made up \
    list give and merged landed land out live something change changes releases versions which ";
/// Words that may stand at the end, after the description.
const TAIL: &str = " live deployed shipped released out merged landed included available in there yet already now \
    today still anywhere somewhere done fixed resolved rolled been deploy ship released go went to into on up for \
    us everywhere it the a production prod staging reach arrive arrived made ";

/// The weight class of a word of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// It is not searched for.
    Stop,
    /// It breaks ties.
    Light,
    /// It counts by its rarity.
    Full,
}

/// The class of a word in lower case.
pub(super) fn class(word: &str) -> Class {
    if is_in(STOP, word)
        || (word.chars().count() == 1 && !word.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    {
        Class::Stop
    } else if is_in(LIGHT, word) {
        Class::Light
    } else {
        Class::Full
    }
}

/// Tells whether a light word says what happens, and not only that a change is talked about.
pub(super) fn is_telling(word: &str) -> bool {
    is_in(TELLING, word)
}

/// The part of a question that describes a change: `is the fix for X live yet?` is about `X`. `words` are lower case.
/// A text that is no question is its own description.
pub(super) fn description(words: &[&str]) -> std::ops::Range<usize> {
    let whole = 0..words.len();
    if !words.first().is_some_and(|first| is_in(ASKING, first)) || words.len() < 3 {
        return whole;
    }
    let start = words.iter().take_while(|word| is_in(LEAD, word)).count();
    let tail = words[start..].iter().rev().take_while(|word| is_in(TAIL, word)).count();
    let end = words.len() - tail;
    if start < end { start..end } else { whole }
}

/// Tells whether a list of words between spaces has this one.
pub(super) fn is_in(list: &str, word: &str) -> bool {
    // Each word stands between spaces.
    list.match_indices(word).any(|(at, _)| {
        list.as_bytes().get(at.wrapping_sub(1)) == Some(&b' ')
            && list.as_bytes().get(at + word.len()) == Some(&b' ')
    })
}
