namespace Aot.Broker.Coordinators.Regexes;

internal enum RegexOp : byte
{
    /// <summary>Takes one character of the set.</summary>
    Take,

    /// <summary>Goes on at both places.</summary>
    Split,
    Jump,
    AtBegin,
    AtEnd,
    AtWordEdge,
    NotAtWordEdge,
    Match,
}

/// <summary>A step of the automaton; <c>Split</c> and <c>Jump</c> say where it goes on, the others at the next step.</summary>
internal readonly record struct RegexStep(RegexOp Op, CharSet Set = default, int Target = 0, int Other = 0);

/// <summary>
/// A regular expression over names (of topics, of transactions) in RE2's syntax, as an automaton that is in several states at once: matching
/// takes time linear in the name, whatever the expression. The whole name must match. Not the runtime's own engine: that
/// has another syntax, and would make the binary five megabytes larger.
/// </summary>
public sealed class LinearRegex
{
    private readonly RegexStep[] _steps;

    private LinearRegex(RegexStep[] steps) => _steps = steps;

    /// <summary>Null, with the reason, when the expression is not one.</summary>
    public static LinearRegex? Parse(string expression, out string? fault)
    {
        RegexStep[]? steps = new LinearRegexParser(expression).Parse(out fault);
        return steps is null ? null : new LinearRegex(steps);
    }

    public bool IsMatch(string name)
    {
        StepSet current = new(_steps.Length);
        StepSet next = new(_steps.Length);
        Enter(current, 0, name, 0);
        for (int at = 0; at < name.Length && current.Count > 0; at++)
        {
            for (int i = 0; i < current.Count; i++)
            {
                int step = current[i];
                if (_steps[step].Op == RegexOp.Take && _steps[step].Set.Contains(name[at]))
                {
                    Enter(next, step + 1, name, at + 1);
                }
            }
            (current, next) = (next, current);
            next.Clear();
        }
        for (int i = 0; i < current.Count; i++)
        {
            if (_steps[current[i]].Op == RegexOp.Match)
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Adds a step and all that can be reached from it without taking a character.</summary>
    private void Enter(StepSet set, int first, string name, int at)
    {
        Stack<int> pending = new();
        pending.Push(first);
        while (pending.TryPop(out int index))
        {
            if (!set.Add(index))
            {
                continue;
            }
            RegexStep step = _steps[index];
            switch (step.Op)
            {
                case RegexOp.Jump:
                    pending.Push(step.Target);
                    break;
                case RegexOp.Split:
                    pending.Push(step.Other);
                    pending.Push(step.Target);
                    break;
                case RegexOp.AtBegin when at == 0:
                case RegexOp.AtEnd when at == name.Length:
                case RegexOp.AtWordEdge when IsWordEdge(name, at):
                case RegexOp.NotAtWordEdge when !IsWordEdge(name, at):
                    pending.Push(index + 1);
                    break;
            }
        }
    }

    private static bool IsWordEdge(string name, int at)
    {
        bool before = at > 0 && CharSet.Word.Contains(name[at - 1]);
        bool after = at < name.Length && CharSet.Word.Contains(name[at]);
        return before != after;
    }

    /// <summary>Steps in the order in which they came, each once.</summary>
    private sealed class StepSet(int capacity)
    {
        private readonly int[] _order = new int[capacity];
        private readonly bool[] _has = new bool[capacity];

        public int Count { get; private set; }

        public int this[int index] => _order[index];

        public bool Add(int step)
        {
            if (_has[step])
            {
                return false;
            }
            _has[step] = true;
            _order[Count++] = step;
            return true;
        }

        public void Clear()
        {
            for (int i = 0; i < Count; i++)
            {
                _has[_order[i]] = false;
            }
            Count = 0;
        }
    }
}
