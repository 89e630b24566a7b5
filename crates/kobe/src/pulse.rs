//! Pulse: who hears of the planning loop beside its state files.
//!
//! Rule: the desk behind its functions learns which configuration is in force inside the swap of a reload, before the first turn of the new desk; a gate that compares the two must
//! not meet the one before. Never waits.

use std::sync::Arc;

use kobe_engine::{Pulse, Vitals};
use kobe_plan::Desk;

/// Hands every sign of life on, and says first which desk is in force.
pub struct InForce<P> {
    /// Who shows the signs.
    pub inner: P,
    /// Who must know the desk.
    pub say: Box<dyn Fn(&Desk) + Send>,
}

impl<P: Pulse> Pulse for InForce<P> {
    fn beat(&mut self, vitals: &Vitals) {
        self.inner.beat(vitals);
    }

    fn reloaded(&mut self, desk: &Arc<Desk>) {
        (self.say)(desk);
        self.inner.reloaded(desk);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use kobe_plan::{Catalog, SourceFile};

    use super::*;

    struct Shows(Sender<String>);

    impl Pulse for Shows {
        fn beat(&mut self, vitals: &Vitals) {
            self.0.send(format!("turn {}", vitals.cycles)).expect("the test hears");
        }

        fn reloaded(&mut self, desk: &Arc<Desk>) {
            self.0.send(format!("shown {}", desk.hash)).expect("the test hears");
        }
    }

    #[test]
    fn the_desk_in_force_is_said_before_it_is_shown_and_signs_of_life_pass() {
        let text = "[[group]]\nname = \"g\"\n[[group.task]]\nname = \"a\"\ncommand = [\"true\"]\nevery = \"1m\"\n";
        let files = [SourceFile { name: "t.toml".into(), text: text.into() }];
        let desk = Arc::new(Desk::parse(&files, &Catalog::new()).unwrap_or_else(|p| panic!("{}", p[0])));
        let (tell, told) = channel();
        let says = tell.clone();
        let say = Box::new(move |desk: &Desk| says.send(format!("said {}", desk.hash)).expect("the test hears"));
        let mut pulse = InForce { inner: Shows(tell), say };
        pulse.beat(&Vitals::new(jiff::Timestamp::UNIX_EPOCH, &desk.hash));
        pulse.reloaded(&desk);
        drop(pulse);
        let heard: Vec<String> = told.iter().collect();
        assert_eq!(heard, ["turn 0".to_owned(), format!("said {}", desk.hash), format!("shown {}", desk.hash)]);
    }
}
