//! Words around a question: greetings, thanks, politeness, who said it. Without them it begins with its own words.
//!
//! ```text
//! Good morning! I was wondering if you could show me what runs in qa, please.   →   show me what runs in qa
//! ```

use super::words::Word;

/// Polite words in front of a question. Each is tried again and again until none fits.
const OPENINGS: &[&str] = &[
    "actually",
    "alright",
    "and tell me",
    "any idea",
    "are you able to",
    "be so kind and",
    "be so kind as to",
    "btw",
    "but",
    "by the way",
    "can i ask",
    "can somebody please",
    "can someone please",
    "can you",
    "can you maybe",
    "can you perhaps",
    "can you quickly",
    "cool",
    "could i ask",
    "could it be possible to",
    "could somebody please",
    "could someone please",
    "could you",
    "could you maybe",
    "could you perhaps",
    "could you quickly",
    "dear all",
    "dear team",
    "do you happen to know",
    "do you know",
    "do you perhaps know",
    "does anybody know",
    "does anyone know",
    "does somebody know",
    "does someone know",
    "excuse me",
    "find out",
    "fyi",
    "good afternoon",
    "good day",
    "good evening",
    "good morning",
    "great",
    "hello",
    "hello everyone",
    "hello there",
    "hi all",
    "hi everybody",
    "hi everyone",
    "hi team",
    "hi there",
    "hang on",
    "hm",
    "hmm",
    "hold on",
    "i am just wondering",
    "i am sorry to bother you",
    "i am sorry to disturb you",
    "i am wondering",
    "i have a question",
    "i have a quick question",
    "i have to find out",
    "i must know",
    "i need to find out",
    "i need to know",
    "i need you to",
    "i want to find out",
    "i want to know",
    "i want you to",
    "i was asked to find out",
    "i was just wondering",
    "i was wondering",
    "i wonder",
    "i would be grateful for",
    "i would be grateful if you could",
    "i would like to find out",
    "i would like to know",
    "i would like you to",
    "i would love to know",
    "id like to know",
    "id like you to",
    "if it is not too much trouble",
    "if possible",
    "if you can",
    "if you could",
    "if you do not mind",
    "if you might",
    "if you might be able to",
    "if you would be able to",
    "is it possible to",
    "it would be good if you could",
    "it would be great if you could",
    "it would be great to know",
    "it would be helpful if you could",
    "it would be nice if you could",
    "it would be nice to know",
    "just wondering",
    "kindly",
    "let me ask",
    "let me know",
    "let us know",
    "may i ask",
    "no idea",
    "no wait",
    "oh",
    "one moment",
    "one sec",
    "ok",
    "okay",
    "one question",
    "perfect",
    "please",
    "pls",
    "plz",
    "quick question",
    "short question",
    "sorry",
    "sorry to bother you",
    "sorry to disturb",
    "sorry to disturb you",
    "uh",
    "um",
    "wait",
    "was wondering",
    "we need to find out",
    "we need to know",
    "we want to know",
    "we would like to know",
    "we would like you to",
    "wed like to know",
    "well",
    "when you have a minute",
    "when you have a moment",
    "will you please",
    "wondering",
    "would it be possible to",
    "would you",
    "would you be able to",
    "would you be so kind to",
    "would you mind",
    "would you mind telling me",
    "yo",
];
/// Polite words behind it.
const CLOSINGS: &[&str] = &[
    "asap",
    "at least",
    "best regards",
    "by any chance",
    "cheers",
    "correct",
    "either",
    "do you know",
    "exactly",
    "for me",
    "forget about it",
    "forget it",
    "has it not",
    "i assume",
    "i believe",
    "i guess",
    "i hope",
    "i suppose",
    "i think",
    "if possible",
    "if you can",
    "if you know",
    "is it not",
    "is not it",
    "kind regards",
    "leave it",
    "many regards",
    "many thanks",
    "neither",
    "never mind",
    "nevermind",
    "no thanks",
    "not now",
    "or not",
    "or what",
    "precisely",
    "rather not",
    "regards",
    "thank you",
    "thank you in advance",
    "thank you so much",
    "thank you very much",
    "thanks",
    "thanks a lot",
    "thanks in advance",
    "then not",
    "thx",
];
/// Those who say or ask something, and the verbs with which they do.
const PEOPLE: &str = "customer customers user users client clients colleague colleagues boss manager support somebody someone people \
    team tester testers qa sales marketing he she they";
const REPORTS: &str = "says say said asks ask asked asking reports report reported complains complain complained complaining claims claim \
    claimed tells tell told wants want wonders wonder";
const BEHIND_REPORTS: &str = "me us that about to know";
/// Verbs of programs that ask for an answer.
const FETCHES: &str = "return retrieve fetch provide display output enumerate report compute calculate get";
const EXAMINES: &str = "determine examine evaluate establish";
const LOCATES: &str = "identify locate";
/// Objects that they fetch.
const ANSWERS: &str = "list history timeline status state version versions difference differences diff changes deployments deployment \
    notes changelog rollbacks environments tokens services summary overview information details drift";
/// Words between such a verb and its noun, with the noun.
const ANSWER_WORDS_MAX: usize = 5;

/// Takes the polite words away, unless nothing else is said, and puts the verbs of programs into those of people.
pub(super) fn leave(words: &mut Vec<Word>) {
    while let Some(length) = opening(words) {
        words.drain(..length);
    }
    while let Some(length) = closing(words) {
        words.truncate(words.len() - length);
    }
    put_the_verb_first(words);
    let Some(at) = words.iter().position(|word| word.text != "please") else { return };
    let verb = &words[at];
    let is_alone = at + 1 == words.len();
    let meant = if is_of(verb, FETCHES) && fetches(&words[at + 1..]) {
        "show"
    } else if is_of(verb, EXAMINES) && !is_alone {
        "check"
    } else if is_of(verb, LOCATES) && !is_alone {
        "find"
    } else {
        return;
    };
    words[at] = Word::new(meant.to_owned(), words[at].written.clone());
}

/// Tells whether an answer is named behind a verb, before anything goes anywhere.
fn fetches(words: &[Word]) -> bool {
    let near = words.iter().take(ANSWER_WORDS_MAX);
    near.take_while(|word| !is_of(word, "to into onto")).any(|word| is_of(word, ANSWERS))
}

/// Tells whether nothing is said but polite words.
pub(super) fn is_nothing_else(words: &[Word]) -> bool {
    let says =
        |word: &Word| [OPENINGS, CLOSINGS].iter().any(|list| list.iter().any(|phrase| *phrase == word.text));
    let whole: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let whole = whole.join(" ");
    words.iter().all(says) || [OPENINGS, CLOSINGS].iter().any(|list| list.contains(&&*whole))
}

fn is_of(word: &Word, list: &str) -> bool {
    list.split_whitespace().any(|listed| listed == word.text)
}

/// The number of words that lead to the question.
fn opening(words: &[Word]) -> Option<usize> {
    let phrase = longest(OPENINGS, |length| words.get(..length));
    phrase.or_else(|| report(words)).filter(|&length| length < words.len())
}

/// The number of words behind the question.
fn closing(words: &[Word]) -> Option<usize> {
    let phrase = longest(CLOSINGS, |length| words.get(words.len().checked_sub(length)?..));
    phrase.filter(|&length| length < words.len())
}

/// The length of the longest phrase that stands in its place.
fn longest<'a>(phrases: &[&str], place: impl Fn(usize) -> Option<&'a [Word]>) -> Option<usize> {
    let stands = |phrase: &str| {
        let length = phrase.split(' ').count();
        let texts = |words: &'a [Word]| words.iter().map(|word| word.text.as_str());
        place(length).filter(|words| texts(words).eq(phrase.split(' '))).map(|_| length)
    };
    phrases.iter().filter_map(|phrase| stands(phrase)).max()
}

/// `a customer says that …`, `users complain about …`
fn report(words: &[Word]) -> Option<usize> {
    let article = usize::from(words.first().is_some_and(|word| is_of(word, "a the our my one some")));
    let is_person = words.get(article).is_some_and(|word| is_of(word, PEOPLE));
    let verb = words[article..].iter().take(4).position(|word| is_of(word, REPORTS))? + article;
    let is_close = words[article + 1..verb.max(article + 1)]
        .iter()
        .all(|word| is_of(word, "is are was were has have just in from the") || word.text.len() <= 3);
    let behind = words[verb + 1..].iter().take_while(|word| is_of(word, BEHIND_REPORTS)).count();
    (is_person && verb > article && is_close).then_some(verb + 1 + behind)
}

/// `the login fix, is it live in qa` asks `is the login fix live in qa`.
fn put_the_verb_first(words: &mut Vec<Word>) {
    const VERBS: &str = "is are was were has have did does do";
    const ASKING: &str = "what which who when where why how show list";
    let is_topic = words.first().is_some_and(|word| !is_of(word, VERBS) && !is_of(word, ASKING));
    // `did it`, `did that fix`
    let pointing = |at: usize| {
        let is = |at: usize, list: &str| words.get(at).is_some_and(|word| is_of(word, list));
        let is_whole = is(at + 1, "that this the") && is(at + 2, "fix change one patch bug feature");
        let length = if is(at + 1, "it they") { 1 } else { 2 * usize::from(is_whole) };
        (is(at, VERBS) && length > 0).then_some((at, length))
    };
    let found = (0..words.len()).find_map(pointing);
    let Some((at, length)) = found.filter(|&(at, _)| is_topic && at > 1) else { return };
    // `when` or `if` in front of the verb begins a clause of its own.
    if is_of(&words[at - 1], "when where if whether since and or") {
        return;
    }
    words.drain(at + 1..=at + length);
    let verb = words.remove(at);
    words.insert(0, verb);
}

/// The sentences of a text, and the questions behind what is told in the same one. `e.g.` and `no. 12` end none.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    const SHORT: [&str; 8] = ["e.g", "i.e", "vs", "no", "nr", "approx", "incl", "etc"];
    let mut sentences = Vec::new();
    let mut from = 0;
    for (at, mark) in text.char_indices().filter(|(_, c)| ".!?\n".contains(*c)) {
        let end = at + mark.len_utf8();
        let ends = mark == '\n' || text[end..].starts_with(char::is_whitespace);
        let last = text[from..at].rsplit(char::is_whitespace).next().unwrap_or_default().to_lowercase();
        let is_short = mark == '.' && (SHORT.contains(&&*last) || last.len() < 2);
        if ends && !is_short && !text[from..at].trim().is_empty() {
            sentences.extend(clauses(&text[from..end]).into_iter().filter(|clause| !clause.is_empty()));
            from = end;
        }
    }
    if !text[from..].trim().is_empty() || sentences.is_empty() {
        let last = clauses(&text[from..]);
        let said = last.into_iter().enumerate().filter(|(place, clause)| *place == 0 || !clause.is_empty());
        sentences.extend(said.map(|(_, clause)| clause));
    }
    sentences
}

/// `orders stay open, is that fixed` tells something and asks about it; `find the fix and tell me if it is live` asks twice.
fn clauses(sentence: &str) -> [&str; 2] {
    const POINTING: [&str; 10] = [
        ", is the fix ",
        ", is that ",
        ", is this ",
        ", is there a fix ",
        ", are they fixed",
        ", has that ",
        ", has this ",
        ", was that ",
        " and tell me whether ",
        " and tell me if ",
    ];
    // Bytes stay where they are: all of the phrases are ASCII.
    let lower = sentence.to_ascii_lowercase();
    let at = POINTING.iter().filter_map(|phrase| lower.find(phrase)).min();
    match at {
        Some(at) => [sentence[..at].trim(), sentence[at..].trim_start_matches(',').trim()],
        None => [sentence.trim(), ""],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ask::words::words;

    #[test]
    fn a_question_is_left_without_the_words_around_it() {
        for (said, left) in [
            ("Hi there, I was wondering if you might be able to show me qa", "show me qa"),
            ("would you be so kind as to compare qa and dev for me?", "compare qa and dev"),
            ("ok, deploy it", "deploy it"),
            ("a customer says he was charged twice", "he was charged twice"),
            ("customers in the US complain about refunds", "customers in the us complain about refunds"),
            ("the login fix, is it live in qa?", "is the login fix live in qa"),
            ("Return the difference between qa and dev", "show the difference between qa and dev"),
            ("determine if qa is behind", "check if qa is behind"),
            ("get web v1.2.0 to qa", "get web v1.2.0 to qa"),
            ("thanks", "thanks"),
            ("ok", "ok"),
        ] {
            let mut words = words(said);
            leave(&mut words);
            let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
            assert_eq!(texts.join(" "), left, "{said}");
        }
    }

    #[test]
    fn sentences_end_where_they_do() {
        assert_eq!(sentences("Hi! Is #12 live? Thanks."), ["Hi!", "Is #12 live?", "Thanks."]);
        assert_eq!(sentences("is no. 12 live, e.g. in qa"), ["is no. 12 live, e.g. in qa"]);
        assert_eq!(sentences("deploy web v1.2.0"), ["deploy web v1.2.0"]);
        assert_eq!(sentences(""), [""]);
    }
}
