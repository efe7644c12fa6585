using System.Text;

namespace Aot.Broker.Harness;

/// <summary>What a process wrote: the first part whole, then the end, so that no run can fill the memory. Any thread.</summary>
public sealed class BoundedText(int charactersMax)
{
    private readonly StringBuilder _head = new();
    private readonly Queue<string> _tail = new();
    private int _tailLength;
    private long _dropped;

    public void AddLine(string line)
    {
        lock (_head)
        {
            if (_dropped == 0 && _tail.Count == 0 && _head.Length + line.Length < charactersMax / 2)
            {
                _head.Append(line).Append('\n');
                return;
            }
            _tail.Enqueue(line);
            _tailLength += line.Length + 1;
            while (_tailLength > charactersMax / 2 && _tail.TryDequeue(out string? oldest))
            {
                _tailLength -= oldest.Length + 1;
                _dropped += oldest.Length + 1;
            }
        }
    }

    public override string ToString()
    {
        lock (_head)
        {
            string gap = _dropped > 0 ? $"[... {_dropped} characters ...]\n" : "";
            return _head + gap + string.Concat(_tail.Select(line => line + "\n"));
        }
    }
}
