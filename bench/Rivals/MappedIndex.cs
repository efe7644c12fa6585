using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace Aot.Broker.Bench.Rivals;

/// <summary>An offset index as Apache Kafka holds it: the file mapped into memory, searched entry by entry.</summary>
internal sealed class MappedIndex : IDisposable
{
    private const int EntryBytes = 8;
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly SafeMemoryMappedViewHandle _memory;
    private readonly int _count;

    public MappedIndex(string path)
    {
        _count = (int)(new FileInfo(path).Length / EntryBytes);
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        _view = _file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        _memory = _view.SafeMemoryMappedViewHandle;
    }

    public int Lookup(long relativeOffset)
    {
        int low = 0;
        int high = _count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (Word(middle * EntryBytes) <= relativeOffset)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }
        return low == 0 ? 0 : Word(((low - 1) * EntryBytes) + 4);
    }

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }

    private int Word(int position) => BinaryPrimitives.ReverseEndianness(_memory.Read<int>((ulong)position));
}
