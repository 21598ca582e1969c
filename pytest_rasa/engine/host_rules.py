"""Which rules decided what happens. Loads under Rasa's Python (3.10).

RulePolicy keeps no names: it has learned keys (the states before a prediction, as JSON) and the action that follows each. The keys
of each rule are made here once more, by the policy's own functions, to find its name again. Predictions of a form in its happy path
and of Rasa's default actions come from no rule.

A rule counts when the first key that is its own made a prediction that was carried out. That is its first action, except where
another rule begins in the same way: then it is the step at which the two part, and for rules that never part, the last one.
"""

from __future__ import annotations

from collections import defaultdict

from rasa.core.agent import Agent
from rasa.core.policies.policy import PolicyPrediction
from rasa.core.policies.rule_policy import RULES, RulePolicy
from rasa.shared.core.domain import Domain
from rasa.shared.core.generator import TrackerWithCachedStates, TrainingDataGenerator
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.core.training_data.loading import load_data_from_files
from rasa.shared.core.training_data.story_reader.yaml_story_reader import YAMLStoryReader
from rasa.shared.core.training_data.structures import StoryGraph
from rasa.shared.data import get_data_files

from pytest_rasa.engine.host_turn import current_turn


class RuleTrace:
    """Notes the names of rules in the current turn.

    ``names``: all rules in the training data. ``unknown``: those of which the model knows nothing, because it was trained before.
    """

    def __init__(self, agent: Agent, data: str) -> None:
        trackers = _rule_trackers(agent.domain, data)
        self.names = sorted({tracker.sender_id for tracker in trackers})
        self.unknown: list[str] = self.names
        for node in agent.processor.graph_runner._instantiated_nodes.values():
            if isinstance(node._component, RulePolicy):
                self._follow(agent, node._component, trackers)

    def _follow(self, agent: Agent, policy: RulePolicy, trackers: list[TrackerWithCachedStates]) -> None:
        lookup = policy.lookup[RULES]
        marks = _marks([(one.sender_id, _keys(policy, one, agent.domain)) for one in trackers])
        known = {name for names in marks.values() for name in names}
        self.unknown = [name for name in self.names if name not in known]
        predict, decide = policy._predict, agent.processor._predict_next_with_tracker
        source = ""

        def predict_and_keep(tracker: DialogueStateTracker, domain: Domain) -> tuple[PolicyPrediction, str]:
            nonlocal source
            prediction, source = predict(tracker, domain)
            return prediction, source

        def decide_and_note(tracker: DialogueStateTracker) -> PolicyPrediction:
            nonlocal source
            source = ""
            prediction = decide(tracker)
            turn = current_turn.get()
            if turn is not None and prediction.policy_name == type(policy).__name__:
                action = agent.domain.action_names_or_texts[prediction.max_confidence_index]
                turn.rules += [name for name in marks.get(source, ()) if lookup[source] == action]
            return prediction

        policy._predict = predict_and_keep
        agent.processor._predict_next_with_tracker = decide_and_note


def _rule_trackers(domain: Domain, data: str) -> list[TrackerWithCachedStates]:
    files = get_data_files([data], YAMLStoryReader.is_stories_file)
    generator = TrainingDataGenerator(
        StoryGraph(load_data_from_files(files, domain)),
        domain,
        remove_duplicates=False,
        augmentation_factor=0,
        use_story_concatenation=False,
    )
    return [tracker for tracker in generator.generate() if tracker.is_rule_tracker]


def _keys(policy: RulePolicy, tracker: TrackerWithCachedStates, domain: Domain) -> list[str]:
    """The keys of a rule that the model knows, in the order of its steps."""
    states, actions = policy.featurizer.training_states_and_labels([tracker], domain, omit_unset_slots=True)
    keys = policy._remove_rule_snippet_predictions(policy._create_lookup_from_states(states, actions))
    return [key for key, action in keys.items() if policy.lookup[RULES].get(key) == action]


def _marks(rules: list[tuple[str, list[str]]]) -> dict[str, list[str]]:
    """Key -> names of the rules that count when it predicts. A rule with ``or`` comes once for each way through it."""
    owners: dict[str, set[str]] = defaultdict(set)
    for name, keys in rules:
        for key in keys:
            owners[key].add(name)
    marks: dict[str, list[str]] = defaultdict(list)
    for name, keys in rules:
        own = [key for key in keys if owners[key] == {name}]
        for key in own[:1] or keys[-1:]:
            if name not in marks[key]:
                marks[key].append(name)
    return marks
