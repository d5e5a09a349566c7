namespace GlanceGateway.Blocks;

/// <summary>Where a cache lies and how much it may take.</summary>
public sealed record BlockCacheOptions
{
    /// <summary>A directory of the cache's own on a local filesystem with sparse files. Made with mode 0700 when missing.</summary>
    public required string Directory { get; init; }

    /// <summary>Bytes that all objects together may occupy.</summary>
    public long MaxBytes { get; init; } = 10L << 30;

    /// <summary>Bytes of the filesystem that the cache leaves free.</summary>
    public long MinFreeBytes { get; init; } = 1L << 30;

    /// <summary>Bytes that are fetched, kept and evicted together: a power of two from 64 KiB to 4 MiB. An object keeps the size it was begun with.</summary>
    public int BlockBytes { get; init; } = 1 << 20;

    /// <summary>Bytes of memory for all fetches together: as many blocks are under way at once. What nobody waits for is fetched only while half of it is free.</summary>
    public long MemoryBytes { get; init; } = 64L << 20;

    /// <summary>Bytes that one sequential reader is at most ahead of itself; 0 turns read-ahead off.</summary>
    public long MaxReadAheadBytes { get; init; } = 64L << 20;

    /// <summary>How often a block is asked for before its reader gets the fault.</summary>
    public int Attempts { get; init; } = 3;

    /// <summary>The wait before the second attempt; doubled for each further one.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>For how long nothing is stored after the disk refused, before it is tried again.</summary>
    public TimeSpan TroublePause { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>False for scratch: an object goes when its last reader does, and nothing outlives the process.</summary>
    public bool KeepUnused { get; init; } = true;

    /// <summary>Tells the free bytes of the filesystem; null for the real ones.</summary>
    internal Func<long>? FreeBytes { get; init; }
}
