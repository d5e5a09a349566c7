using System.Data.Common;

namespace GlanceGateway.Registry.Sql;

/// <summary>
/// A unit of work on an open transaction of any database. Every read of a unit sees what it wrote. After the unit comes
/// <see cref="CompleteAsync"/>, and last <see cref="End"/>; a lease found lost dooms it even when the unit swallows the exception.
/// </summary>
internal sealed partial class SqlTransaction(DbConnection connection, string instanceId, DateTimeOffset now) : RegistryTransaction
{
    private readonly Dialect _dialect = Dialect.Of(connection);
    private readonly Dictionary<(string ImageId, ChangeKind Kind), ChangeRow> _changed = [];
    private readonly List<ChangeRow> _changes = [];
    private SqlMetadefs? _metadefs;
    private LeaseLostException? _lost;
    private bool _ended;

    /// <summary>Cut to microseconds, so that what a unit computes from it equals what it reads back.</summary>
    public override DateTimeOffset Now { get; } = Words.Time(Words.Of(now));

    public override MetadefTransaction Metadefs => _metadefs ??= new SqlMetadefs(() => Connection, NowMicroseconds);

    /// <summary>The sequence of the last change that this unit wrote; 0 for none.</summary>
    public long LastChange { get; private set; }

    private long NowMicroseconds { get; } = Words.Of(now);

    private DbConnection Connection => _ended
        ? throw new InvalidOperationException("A registry transaction is valid only inside its unit of work.")
        : connection;

    /// <summary>Closes the transaction object to the unit that held it.</summary>
    public void End() => _ended = true;

    /// <summary>
    /// Writes the change rows, as the last statements before the commit: sequences must be committed in their order, and what keeps that order
    /// among several writers is held for as short as can be.
    /// </summary>
    /// <exception cref="LeaseLostException">The unit may not commit, whatever it returned.</exception>
    public async Task CompleteAsync(CancellationToken cancellationToken)
    {
        if (_lost is not null)
            throw new LeaseLostException(_lost.LeaseName);
        foreach (var change in _changes)
            LastChange = await Connection.ValueAsync<long>(_dialect.InsertingChange, change, cancellationToken);
    }

    /// <summary>Removes the oldest changes before one, at most <paramref name="limit"/>.</summary>
    /// <returns>How many went.</returns>
    public Task<int> PruneChangesAsync(long before, int limit, CancellationToken cancellationToken) => Connection.RunAsync(
        "DELETE FROM changes WHERE sequence IN (SELECT sequence FROM changes WHERE sequence < @before ORDER BY sequence LIMIT @limit)",
        new { before, limit }, cancellationToken);

    /// <summary>One row for each image and kind in a unit is enough: followers read the image, not the change.</summary>
    private void Record(string imageId, ChangeKind kind, Audience? lostBy = null)
    {
        if (kind == ChangeKind.Updated && _changed.ContainsKey((imageId, ChangeKind.Created)))
            return;
        if (!_changed.TryGetValue((imageId, kind), out var row))
        {
            row = new ChangeRow { ImageId = imageId, Kind = Words.Of(kind), ChangedAt = NowMicroseconds };
            _changed.Add((imageId, kind), row);
            _changes.Add(row);
        }

        if (lostBy is not null)
            row.LostBy = Audience.ToText(Audience.Read(row.LostBy).With(lostBy));
    }
}
