package live

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
)

// refresh is how often a board is drawn.
const refresh = 200 * time.Millisecond

// ErrInterrupted says that Ctrl-C was pressed.
var ErrInterrupted = errors.New("interrupted")

// Screen is a board on a terminal.
type Screen struct {
	mu    sync.Mutex
	board *Board

	program *tea.Program
	done    chan struct{}
	err     error
}

// Show takes over the terminal until Close, a key that ends it, or the end of ctx. in and out are the terminal.
func Show(ctx context.Context, b *Board, in io.Reader, out io.Writer) *Screen {
	s := &Screen{board: b, done: make(chan struct{})}
	m := &model{screen: s, width: 80, height: 24} //nolint:mnd // until the terminal says its own
	s.program = tea.NewProgram(m, tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler())
	// Not by WithContext: a program that is killed closes its input while a goroutine still reads it.
	stop := context.AfterFunc(ctx, s.program.Quit)
	go func() {
		defer close(s.done)
		defer stop()
		_, err := s.program.Run()
		switch {
		case m.interrupted:
			s.err = ErrInterrupted
		case ctx.Err() != nil:
			s.err = context.Cause(ctx)
		default:
			s.err = err
		}
	}()
	return s
}

// Update changes the board.
func (s *Screen) Update(change func(b *Board)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.board)
}

// Done is closed when the terminal has been given back.
func (s *Screen) Done() <-chan struct{} { return s.done }

// Err is, after Done, why it ended: nil after q or Close, [ErrInterrupted] after Ctrl-C.
func (s *Screen) Err() error { return s.err }

// Close gives the terminal back.
func (s *Screen) Close() {
	s.program.Quit()
	<-s.done
}

// model is a board as bubbletea wants it.
type model struct {
	screen        *Screen
	width, height int
	interrupted   bool
}

// tick asks for a new frame.
type tick struct{}

func nextTick() tea.Cmd { return tea.Tick(refresh, func(time.Time) tea.Msg { return tick{} }) }

// Init begins.
func (m *model) Init() tea.Cmd { return nextTick() }

// Update takes a key, a size or a tick.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tick:
		return m, nextTick()
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		key := msg.String()
		if msg.Text != "" && msg.Text != " " {
			key = msg.Text
		}
		quit := false
		m.screen.Update(func(b *Board) { quit = b.Press(key) })
		if quit {
			m.interrupted = key == "ctrl+c"
			return m, tea.Quit
		}
	}
	return m, nil
}

// View draws the board.
func (m *model) View() tea.View {
	var frame string
	m.screen.Update(func(b *Board) { frame = b.Frame(m.width, m.height, time.Now()) })
	v := tea.NewView(frame)
	v.AltScreen = true
	return v
}
