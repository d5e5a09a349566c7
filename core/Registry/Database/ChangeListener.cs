using System.Globalization;
using GlanceGateway.Registry.Sql;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace GlanceGateway.Registry.Database;

/// <summary>
/// Hears of the changes that other gateways commit, on a connection of its own. The server announces them; every few seconds it is asked as
/// well, because announcements are lost with a connection and do not pass every connection pooler.
/// </summary>
internal sealed class ChangeListener : IAsyncDisposable
{
    private static readonly TimeSpan AskAfter = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ReconnectAfter = TimeSpan.FromMilliseconds(500);

    private readonly PostgresSource _source;
    private readonly ChangeSignal _changes;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _following;

    public ChangeListener(PostgresSource source, ChangeSignal changes, ILogger logger)
    {
        _source = source;
        _changes = changes;
        _logger = logger;
        _following = Task.Run(() => FollowAsync(_stopping.Token));
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _following.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stopping.Dispose();
    }

    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        for (var away = false; ; await Task.Delay(ReconnectAfter, cancellationToken))
        {
            try
            {
                await using var connection = await _source.Unbounded.OpenConnectionAsync(cancellationToken);
                connection.Notification += (_, announcement) => Hear(announcement.Payload);
                await connection.RunAsync($"LISTEN {Dialect.ChangeChannel}", parameters: null, cancellationToken);
                if (away)
                    RegistryLog.ListeningAgain(_logger, _source.Place);
                away = false;
                while (true)
                {
                    _changes.Publish(await FollowReads.LatestChangeAsync(connection, cancellationToken));
                    while (await connection.WaitAsync(AskAfter, cancellationToken))
                        cancellationToken.ThrowIfCancellationRequested();
                }
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                if (!away)
                    RegistryLog.NotListening(_logger, _source.Place, exception.Message);
                away = true;
            }
        }
    }

    private void Hear(string payload)
    {
        if (long.TryParse(payload, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence))
            _changes.Publish(sequence);
    }
}
