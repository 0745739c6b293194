//! Wishes: what somebody would have done, and what no question does.

use super::cues::Cues;
use super::past::LOGS;
use crate::model::ask::names::is_plain;
use crate::model::ask::words::{Word, is_frame};

/// Words of a wish.
const WANTS: [&str; 8] =
    ["i need", "we need", "i want", "we want", "id like", "wed like", "i would like", "we would like"];

impl Cues<'_> {
    pub(super) fn wants_a_secret(&self) -> bool {
        let secret = self.says("secret secrets password passwords admin value plaintext");
        let token = self.says("token tokens credentials") || self.found.token.is_some();
        (secret && token && !self.says("create generate make new"))
            || (self.says("reveal leak print dump decrypt") && token)
            || self.tells_a_secret()
    }

    /// `print the password`; a change may be about passwords, too.
    pub(super) fn tells_a_secret(&self) -> bool {
        self.says("secret secrets password passwords plaintext")
            && self.wishes("show print reveal give tell what whats dump leak decrypt get read display")
            && !self.phrase("pull secrets")
            && !self.says("fix fixed fixes fixing change changes changed feature patch release releases live deployed version status create generate make new need")
    }

    /// Orders that no question may give, and questions about something else.
    pub(super) fn is_out_of_bounds(&self) -> bool {
        let destroys = self.wishes(
            "delete remove destroy drop revoke purge wipe erase rename kill stop restart reboot scale truncate shut terminate disable nuke obliterate trash uninstall clear",
        );
        let verbs = "delete remove destroy drop revoke purge wipe erase kill terminate nuke";
        let then = |pair: &[Word]| ["and", "then"].contains(&&*pair[0].text) && pair[1].is_any(verbs);
        let destroys = destroys || (!self.asks() && self.words.windows(2).any(then));
        self.wants_a_secret()
            || destroys
            || (self.wishes("turn switch take bring") && self.says("off down"))
            || (self.says("secret secrets password passwords")
                && self.wishes("change reset set rotate update"))
            || (self.wishes("set export configure") && self.words.iter().any(|word| word.text.contains('=')))
            || self.phrases(&["ignore all", "ignore previous", "your instructions"])
    }

    /// A wish for a work of another trade.
    pub(super) fn wants_something_else(&self) -> bool {
        let is_planned = self.begins("when")
            && (self.says("planned scheduled")
                || self.phrases(&["next release", "next deploy", "next deployment", "next rollout"]));
        let makes = self.says("environment env token tokens");
        let is_a_setting = self.wishes("increase decrease raise lower configure edit adjust tune")
            || self.wishes("update change set")
                && self.says("description color colour memory cpu replicas limit limits");
        is_planned
            || is_a_setting
            || self.phrases(&["with you", "are you", "about you", "do you like", "on call"])
            || !makes && self.wishes("open")
            || self.says("kubeconfig ssh root")
            || self.wishes("send") && !self.has_place() && !self.found.names_service()
            || !self.is_yes_or_no() && self.wishes("write compose sing draw paint translate recommend cook play order book approve merge close assign comment email schedule")
    }

    pub(super) fn makes_a_token(&self) -> bool {
        let makes =
            self.says("create generate make issue mint new need give get add want like rotate another");
        let noun = self.says("token tokens credential credentials")
            || self.phrases(&["pull secret", "image pull secret"]);
        let joins = self.says("add connect hook link attach register onboard join wire access authenticate")
            && self.says("cluster kubernetes k8s namespace node nodes laptop machine docker computer");
        let how = self.phrases(&[
            "how do i",
            "how can i",
            "how can my",
            "how do we",
            "how does my",
            "how to",
            "can i",
            "can you",
            "could you",
        ]) || self.words.last().is_some_and(|word| word.is_any("how"));
        (makes && noun && (!self.asks() || how))
            || self.phrases(&["how do i connect", "how can i connect", "need a token", "need credentials"])
            || (self.begins("token credentials") && self.phrases(&["token for", "credentials for"]))
            || ((self.says("let allow enable able") || how)
                && self.says("cluster node nodes laptop machine computer namespace")
                && self.says("pull pulls"))
            || (joins && !self.is_yes_or_no())
    }

    pub(super) fn makes_an_environment(&self) -> bool {
        let another = self.begins("can could may") && self.says("another new") && self.says("have get");
        let makes = another
            || (self.begins("create open add make new set setup spin need want i id wed can could lets we")
                || self.phrases(&["how do i", "how can i", "how do we", "how to"]))
                && self.says("create open add make new set setup spin need want");
        makes && self.says("environment environments env")
    }

    pub(super) fn is_about_tokens(&self) -> bool {
        let may_pull = self.begins("who")
            && self.says("pull pulls pulled pulling access")
            && !self.found.names_service();
        let is_local = self.is_yes_or_no() && self.says("pull pulled") && self.says("laptop laptops locally");
        let of_a_change =
            self.is_yes_or_no() && self.says("fix patch bug feature") && self.found.token.is_none();
        if of_a_change {
            return false;
        }
        may_pull
            || is_local
            || self.found.token.is_some()
            || self.says("token tokens credential credentials")
            || self.phrase("pull secrets")
    }

    pub(super) fn wants_a_deploy(&self) -> bool {
        // `why did we go back to v1.2.0` asks for what was.
        if self.begins("why when who did was were") {
            return false;
        }
        const VERBS: &str =
            "restore reinstate deploy ship promote release rollout install upgrade downgrade push redeploy";
        const MOVES: &str = "get put bring move";
        let moves = !self.found.environments.is_empty()
            && self.says("to into onto on in")
            && !self.says("running versions status state services deployments");
        let would = !self.says("everything all")
            && self.says("deploy deploying deployed")
            && self.says("if would happens")
            && (self.found.names_service() || self.found.version.is_some() || self.has_number())
            && self.found.environments.len() == 1;
        let polite = !self.says("notes changelog summary")
            && self.begins("can could would will i we lets help how")
            && (self.says(VERBS) || self.phrases(&["roll out", "roll back"]) || (moves && self.says(MOVES)))
            && self.phrases(&[
                "can you",
                "could we",
                "could i",
                "can somebody",
                "can someone",
                "could somebody",
                "could someone",
                "could you",
                "would you",
                "will you",
                "i want",
                "i would",
                "id like",
                "we want",
                "we need",
                "i need",
                "lets",
                "how do",
                "how can",
                "how would",
                "how could",
                "how should",
                "help me",
                "can we",
                "can i",
                "how to",
            ]);
        let is_log = self.phrases(LOGS);
        let orders = !is_log
            && (self.begins("restore reinstate deploy ship promote install upgrade downgrade push redeploy")
                && (self.says(VERBS) || !self.found.environments.is_empty()))
            || (moves
                && (self.begins("put get bring move bump send apply set switch copy")
                    || self.wishes("bring put move copy")))
            || (self.found.version.is_some() && self.wishes("update bump set switch move"));
        let is_named = self.found.version.is_some() || self.found.names_service();
        let is_aimed = self.says("to into onto") || (is_named && self.says("in on"));
        let of_a_change = self.says("the a my our") && self.says("fix feature change patch");
        let imperative = self.begins("release rollout")
            && (is_aimed || of_a_change)
            && !self.says("notes note")
            && !is_log;
        let is_of_this =
            self.says("back out") || self.found.names_service() || self.has_place() || self.says("fix");
        let rolls = (self.begins("rollback revert undo")
            || self.wishes("rollback revert undo")
            || (is_of_this && (self.begins("roll") || self.wishes("roll")))
            || (self.begins("take bring move set switch put") && self.says("back")))
            && !self.says("rollbacks history status count log");
        // `rollback in staging yesterday?` asks.
        let rolls =
            rolls && !(self.has_time() && !self.found.names_service() && self.found.version.is_none());
        let is_back =
            self.phrase("back to") && !self.asks() && self.found.names_service() && self.has_place();
        let rolls = is_back || rolls || (self.found.version.is_some() && self.wishes("back switch"));
        let plans = self.wishes("prepare plan draft start trigger perform simulate make create execute do")
            && self.says("deploy deployment rollback rollout release upgrade downgrade promotion");
        let plans = plans
            || (self.wishes("prepare plan") && self.goes_back())
            || (self.says("plan") && self.says("deploying deploy rollout") && self.found.names_service());
        let takes = self.found.destination.is_some() && self.found.names_service() && self.wishes("take");
        let meant = self.found.version.is_some() || self.has_number();
        let which = meant
            && (self.phrases(&["to deploy", "to ship", "to release", "to promote"])
                || (self.found.destination.is_some() && self.phrases(&["to get", "to bring", "to put"])));
        let wishes = !is_log
            && self.wishes("deploy ship promote install upgrade downgrade redeploy push")
            && !self.is_yes_or_no();
        let returns = self.wishes("back return") || (self.begins("how") && self.phrase("go back"));
        // `need web v1.2.0 on qa`
        let wants = self.phrases(&WANTS) || self.words.first().is_some_and(|word| word.is_any("need want"));
        let needs = self.begins("i we id wed need want")
            && wants
            && (self.found.version.is_some() || self.has_number())
            && !self.found.environments.is_empty()
            && !self.says("know whether if");
        // `I want the invoice fix in production`
        let needs = needs
            || (self.begins("i we id wed need want")
                && wants
                && (self.says("fix feature change patch")
                    || self.describes()
                        && self
                            .words
                            .iter()
                            .all(|word| word.taken || is_frame(&word.text) || !is_plain(word))
                    || self.words.first().is_some_and(|word| word.is_any("need want")) && self.describes())
                && !self.says("token tokens environment env")
                && self.says("in on to into")
                && self.has_place()
                && !self.says("know whether if see token check"));
        // `web v1.2.0 should go to production`, `make production run web v1.2.0`
        let is_due = self.phrases(&[
            "should go to",
            "must go to",
            "needs to go to",
            "should be on",
            "should be in",
            "should run",
            "has to go to",
            "needs to be on",
            "back to",
        ]) && self.found.version.is_some()
            && !self.is_yes_or_no()
            && self.has_place();
        let is_made =
            self.begins("how") && self.says("make get") && self.found.version.is_some() && self.has_place();
        let makes_run = self.wishes("make let have")
            && self.says("run")
            && self.found.version.is_some()
            && self.has_place();
        let after = self.phrases(&[
            "and deploy",
            "then deploy",
            "and ship",
            "and promote",
            "and roll",
            "and release",
            "and push",
            "and install",
            "and put",
        ]);
        polite
            || would
            || takes
            || orders
            || wishes
            || returns
            || imperative
            || rolls
            || plans
            || which
            || needs
            || is_due
            || makes_run
            || is_made
            || (after && !self.is_yes_or_no())
    }
}
