using System.Runtime.InteropServices;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Sheepdog;

/// <summary>The cluster's operations in the driver's terms. Each throws <see cref="StoreException"/> for a result that it does not name.</summary>
internal sealed class Cluster(SheepPool pool) : IAsyncDisposable
{
    private const int BitmapLength = (1 << 24) / 8;

    // 256 KiB a request.
    private const int MapChunk = 64 * 1024;

    // As many as dog reclaims at once: a cluster that recycles vdi ids counts references before it answers.
    private const int MostErased = 128;

    /// <summary>Whether the cluster answers.</summary>
    public async Task ProbeAsync(CancellationToken cancellationToken) =>
        Expect(await pool.AskAsync(SheepRequest.Plain(SheepOperation.GetClusterDefault, 0), default, cancellationToken), "The cluster's defaults are not to be had", null);

    /// <summary>The current vdi of a name, or null.</summary>
    public async Task<Inode?> FindAsync(string name, CancellationToken cancellationToken)
    {
        var answer = await pool.AskAsync(SheepRequest.OfName(SheepOperation.GetVdiInfo, name), default, cancellationToken);
        if (answer.Result is SheepResult.NoVdi or SheepResult.NoTag)
            return null;
        Expect(answer, "The vdi could not be looked up", name);
        return await DescribeAsync(answer.VdiId, cancellationToken) is { IsSnapshot: false } inode && inode.Name == name ? inode : null;
    }

    /// <summary>The inode of a vdi, or null when there is none or it was deleted.</summary>
    public async Task<Inode?> DescribeAsync(uint vdiId, CancellationToken cancellationToken)
    {
        var head = new byte[Inode.HeadLength];
        var answer = await pool.AskAsync(SheepRequest.Read(Inode.ObjectIdOf(vdiId), 0, head.Length), head, cancellationToken);
        if (answer.Result == SheepResult.NoObject)
            return null;
        Expect(answer, $"The inode of vdi {vdiId:x} could not be read", null);
        try
        {
            return Inode.Parse(vdiId, head) is { Name.Length: > 0 } inode ? inode : null;
        }
        catch (InvalidDataException exception)
        {
            throw new StoreException(StoreError.Corrupt, exception.Message);
        }
    }

    /// <summary>Makes a vdi; <see cref="SheepResult.VdiExists"/> when the name is taken.</summary>
    public async Task<SheepAnswer> CreateAsync(
        string name, long size, uint origin, Redundancy redundancy, byte blockSizeShift, CancellationToken cancellationToken) =>
        await pool.AskAsync(SheepRequest.NewVdi(name, size, origin, redundancy, blockSizeShift), default, cancellationToken);

    /// <summary>Writes a part of an inode.</summary>
    public async Task<SheepAnswer> WriteInodeAsync(Inode inode, int offset, byte[] bytes, CancellationToken cancellationToken) =>
        await pool.AskAsync(SheepRequest.Write(Inode.ObjectIdOf(inode.VdiId), offset, bytes, inode.Redundancy, create: false), default, cancellationToken);

    /// <summary>Writes entries of an inode's map.</summary>
    public Task<SheepAnswer> WriteMapAsync(Inode inode, int first, ReadOnlySpan<uint> entries, CancellationToken cancellationToken) =>
        WriteInodeAsync(inode, Inode.MapOffset + (4 * first), MemoryMarshal.AsBytes(entries).ToArray(), cancellationToken);

    /// <summary>Reads the entries of an inode's map that its size takes.</summary>
    public async Task<uint[]> ReadMapAsync(Inode inode, CancellationToken cancellationToken)
    {
        var map = new uint[inode.ObjectCount];
        for (var first = 0; first < map.Length; first += MapChunk)
        {
            var count = Math.Min(MapChunk, map.Length - first);
            var bytes = new byte[4 * count];
            var answer = await pool.AskAsync(SheepRequest.Read(Inode.ObjectIdOf(inode.VdiId), Inode.MapOffset + (4 * first), bytes.Length), bytes, cancellationToken);
            Expect(answer, "The map of the vdi could not be read", inode.Name);

            // The driver runs on little-endian machines alone, as .NET does on Linux but for s390x.
            MemoryMarshal.Cast<byte, uint>(bytes).CopyTo(map.AsSpan(first));
        }

        return map;
    }

    /// <summary>Reads from one data object.</summary>
    public Task<SheepAnswer> ReadAsync(uint owner, int index, int offset, Memory<byte> destination, CancellationToken cancellationToken) =>
        pool.AskAsync(SheepRequest.Read(Inode.ObjectIdOf(owner, index), offset, destination.Length), destination, cancellationToken);

    /// <summary>Writes to one data object of the vdi's own.</summary>
    public Task<SheepAnswer> WriteAsync(Inode inode, int index, int offset, ReadOnlyMemory<byte> data, bool create) =>
        pool.AskAsync(SheepRequest.Write(Inode.ObjectIdOf(inode.VdiId, index), offset, data, inode.Redundancy, create), default, CancellationToken.None);

    /// <summary>Removes data objects of the vdi's own that its map does not name.</summary>
    public async Task RemoveAsync(Inode inode, IEnumerable<int> indexes, CancellationToken cancellationToken)
    {
        foreach (var batch in indexes.Chunk(16))
        {
            var answers = await Task.WhenAll(batch.Select(
                index => pool.AskAsync(SheepRequest.Remove(Inode.ObjectIdOf(inode.VdiId, index), inode.Redundancy), default, cancellationToken)));
            foreach (var answer in answers.Where(answer => answer.Result != SheepResult.NoObject))
                Expect(answer, "An object of the vdi could not be removed", inode.Name);
        }
    }

    /// <summary>
    /// Deletes a vdi: first its map is overwritten with zeros, upon which the cluster lets go of the objects, then its name goes. The second step
    /// alone would be answered with success and leave both, the objects for ever.
    /// </summary>
    public async Task DeleteAsync(Inode inode, uint[] map, CancellationToken cancellationToken)
    {
        for (var i = 0; i < map.Length;)
        {
            if (map[i] == 0)
            {
                i++;
                continue;
            }

            var count = map.AsSpan(i).IndexOf(0u) is >= 0 and var hole ? hole : map.Length - i;
            count = Math.Min(count, MostErased);
            Expect(await WriteMapAsync(inode, i, new uint[count], cancellationToken), "The map of the vdi could not be erased", inode.Name);
            i += count;
        }

        var deleted = await pool.AskAsync(SheepRequest.OfName(SheepOperation.DeleteVdi, inode.Name), default, cancellationToken);
        if (deleted.Result != SheepResult.NoVdi)
            Expect(deleted, "The vdi could not be deleted", inode.Name);
        if (await DescribeAsync(inode.VdiId, cancellationToken) is { } still && still.Name == inode.Name)
            throw new StoreException(StoreError.Unexpected, "The vdi is still there after Sheepdog said that it is deleted.", inode.Name);
    }

    /// <summary>The inodes of all vdis and snapshots.</summary>
    public async Task<IReadOnlyList<Inode>> ListAsync(CancellationToken cancellationToken)
    {
        var (used, deleted) = (new byte[BitmapLength], new byte[BitmapLength]);
        Expect(await pool.AskAsync(SheepRequest.Plain(SheepOperation.ReadVdis, used.Length), used, cancellationToken), "The vdis could not be listed", null);

        // Bits of deleted vdis stay set; a cluster that does not tell which they are only costs more questions.
        var told = await pool.AskAsync(SheepRequest.Plain(SheepOperation.ReadDeletedVdis, deleted.Length), deleted, cancellationToken);
        if (told.Result != SheepResult.Ok)
            deleted.AsSpan().Clear();

        var found = new List<Inode>();
        foreach (var batch in Vdis(used, deleted).Chunk(32))
            found.AddRange((await Task.WhenAll(batch.Select(vdiId => DescribeAsync(vdiId, cancellationToken)))).OfType<Inode>());
        return found;

        static IEnumerable<uint> Vdis(byte[] used, byte[] deleted)
        {
            for (var i = 0; i < BitmapLength; i++)
            {
                for (var bit = 0; used[i] != 0 && bit < 8; bit++)
                {
                    if ((used[i] & ~deleted[i] & (1 << bit)) != 0)
                        yield return (uint)((8 * i) + bit);
                }
            }
        }
    }

    public ValueTask DisposeAsync() => pool.DisposeAsync();

    /// <summary>Throws unless it was done.</summary>
    public static void Expect(SheepAnswer answer, string what, string? key)
    {
        if (answer.Result != SheepResult.Ok)
            throw Refusals.Of(answer.Result, what, key);
    }
}
