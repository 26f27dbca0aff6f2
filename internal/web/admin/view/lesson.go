package view

import "kassavalv/internal/web/ui"

// LessonPart is a part of a lesson's text; exactly one field is set.
type LessonPart struct {
	Heading, Text string
	List          []string
}

// Quiz is the questions of a lesson.
type Quiz struct {
	Action    string
	Submit    string
	Hidden    []Pair
	Said      string // of the last attempt; takes focus
	Tone      ui.Tone
	Questions []QuizQuestion
}

// QuizQuestion is one question, with what is to be said about the answer that was chosen.
type QuizQuestion struct {
	Name, Text string
	Options    []ui.Option
	Verdict    string // empty: not answered yet
	Tone       ui.Tone
	Why        string
}

func whyID(q QuizQuestion) string { return ui.FieldID(q.Name) + "-why" }
