using System;
using System.Text;

namespace Aot.Broker.Protocol.Generator;

/// <summary>Source text with its indentation.</summary>
public sealed class CodeText
{
    private readonly StringBuilder _text = new();
    private int _depth;

    public void Line(string line = "")
    {
        if (line.Length > 0)
        {
            _text.Append(' ', _depth * 4).Append(line);
        }
        _text.Append('\n');
    }

    /// <summary>Opens a block under a line; disposing it closes the block.</summary>
    public Block Open(string line = "")
    {
        if (line.Length > 0)
        {
            Line(line);
        }
        Line("{");
        _depth++;
        return new Block(this);
    }

    public override string ToString() => _text.ToString();

    public readonly struct Block(CodeText text) : IDisposable
    {
        public void Dispose()
        {
            text._depth--;
            text.Line("}");
        }
    }
}
